//! Requests for certificates (PKCS#10). The server reads none: it makes them, of what callers say. So each line here
//! is a part of what one shall say, and what is accepted is made, read again and compared.

#![no_main]

mod making;

use std::net::IpAddr;

use libfuzzer_sys::fuzz_target;
use strongroom_crypto::x509::{AlternativeNames, Template, Usage};

fn template(text: &str) -> Template {
    let mut lines = text.lines();
    let subject = lines.next().unwrap_or_default().to_owned();
    let mut template = Template {
        subject,
        names: AlternativeNames::default(),
        extended_usages: Vec::new(),
        usages: [Usage::DigitalSignature].into(),
        ca: false,
    };
    for line in lines {
        let (sort, value) = line.split_once(':').unwrap_or((line, ""));
        let names = &mut template.names;
        match sort {
            "dns" => names.dns.push(value.to_owned()),
            "email" => names.emails.push(value.to_owned()),
            "upn" => names.upns.push(value.to_owned()),
            "uri" => names.uris.push(value.to_owned()),
            "ip" => names.addresses.extend(value.parse::<IpAddr>()),
            "eku" => template.extended_usages.push(value.to_owned()),
            "usage" => template.usages.extend(Usage::parse(value)),
            "ca" => template.ca = true,
            _ => {}
        }
    }
    template
}

fuzz_target!(|text: &str| {
    let template = template(text);
    if template.check().is_ok() {
        making::assert_can_be_said(&template, 12);
    }
});
