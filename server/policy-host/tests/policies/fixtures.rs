//! Hostile modules of `policy-plugins/fixtures`, made into components. The fuzz targets of `tests/fuzz` begin with
//! them too.

use std::path::PathBuf;

use strongroom_policy_host::component_of;

/// The folder of the guests.
pub(crate) fn guests() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../policy-plugins")
}

/// Names of the fixtures.
pub(crate) fn names() -> Vec<String> {
    let files = std::fs::read_dir(guests().join("fixtures")).expect("a folder of fixtures");
    let mut names: Vec<_> = files
        .map(|file| file.expect("a readable entry").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "wat"))
        .map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned())
        .filter(|name| name != "frame")
        .collect();
    names.sort();
    names
}

/// The text of a fixture.
pub(crate) fn fixture(name: &str) -> String {
    std::fs::read_to_string(guests().join("fixtures").join(format!("{name}.wat"))).expect("a fixture of this name")
}

/// A fixture's fields in the frame, as text: the frame brings the exports that the fixture does not.
pub(crate) fn framed_text(fields: &str) -> String {
    let frame = fixture("frame");
    let (before, exports) = frame.split_once(";; FIELDS").expect("a place for the fields");
    let (exports, after) = exports.split_once(";; END").expect("the end of the exports");
    let brought = exports.split(";; EXPORT ").skip(1).filter_map(|export| {
        let (name, text) = export.split_once('\n')?;
        (!fields.contains(&format!("(export \"{}\")", name.trim()))).then_some(text)
    });
    format!("{before}{fields}{}{after}", brought.collect::<String>())
}

/// A core module's fields in the frame, as a component.
pub(crate) fn in_frame(name: &str, text: &str) -> Vec<u8> {
    let start = text.find("(module").expect("a core module") + "(module".len();
    let end = text.rfind(')').expect("its end");
    let core = wat::parse_str(framed_text(&text[start..end])).expect(name);
    component_of(&core).expect(name)
}

/// A fixture in the frame, as a component.
pub(crate) fn framed(name: &str) -> Vec<u8> {
    in_frame(name, &fixture(name))
}

/// A fixture as a component: as it is written, or in the frame.
pub(crate) fn component(name: &str, text: &str) -> Vec<u8> {
    let is_whole = text.lines().any(|line| line.starts_with("(component")) || name == "core-module";
    if is_whole { wat::parse_str(text).expect(name) } else { in_frame(name, text) }
}
