//! Characters that nobody sees, that look like a blank, or that turn the direction of reading: two names that differ by one of
//! them look alike. One table for the names that are taken and for the pages that show them, whose crate reads this file,
//! because it depends on none of ours.

/// Whether it is one of them. Those that Unicode wants ignored where they are not known (`Default_Ignorable_Code_Point` of
/// Unicode 16), direction marks, separators of lines, annotations, and letters and symbols that are drawn as a blank. Spaces
/// are none of them: they are what they look like.
pub(crate) fn is_unseen(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{16fe4}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d159}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}
