//! Which characters of a text deceive whoever reads it: what names may not have, and what is made visible where
//! text of others is shown. Must not be asked about secret values.

/// Whether it is a control character, turns the direction of reading, separates lines, or has no width.
#[must_use]
pub fn deceives(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}
