//! Requests for certificates (PKCS#10). The server reads none: it makes them, of what callers say. So each line here
//! is a part of what one shall say, and what is accepted is made, read again and compared.

#![no_main]

mod making;

use std::net::IpAddr;

use libfuzzer_sys::fuzz_target;
use strongroom_crypto::x509::{AlternativeNames, Constraints, Subtrees, Template, Usage};

fn template(text: &str) -> Template {
    let mut lines = text.lines();
    let subject = lines.next().unwrap_or_default().to_owned();
    let mut template = Template {
        subject,
        names: AlternativeNames::default(),
        extended_usages: Vec::new(),
        usages: [Usage::DigitalSignature].into(),
        ca: false,
        path_length: None,
        constraints: Constraints::default(),
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
            "path" => template.path_length = value.parse().ok(),
            "permit" => constrain(&mut template.constraints.permitted, value),
            "exclude" => constrain(&mut template.constraints.excluded, value),
            _ => {}
        }
    }
    template
}

fn constrain(trees: &mut Subtrees, value: &str) {
    let (sort, value) = value.split_once(':').unwrap_or(("dns", value));
    match sort {
        "email" => trees.emails.push(value.to_owned()),
        "net" => trees.networks.push(value.to_owned()),
        _ => trees.dns.push(value.to_owned()),
    }
}

fuzz_target!(|text: &str| {
    let template = template(text);
    if template.check().is_ok() {
        making::assert_can_be_said(&template, 12);
    }
});
