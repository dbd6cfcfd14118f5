//! English that shows what comes from a catalogue: accents on vowels, marks around, longer by about 40 %. For those who
//! look at pages before there are translations; it must change nothing but the text of messages.

use std::borrow::Cow;

/// What stands around each piece of text.
pub(super) const MARKS: (char, char) = ('⟦', '⟧');

pub(super) fn transform(text: &str) -> Cow<'_, str> {
    if !text.chars().any(char::is_alphabetic) {
        return Cow::Borrowed(text);
    }
    let mut changed = String::with_capacity(text.len() * 2);
    changed.push(MARKS.0);
    let mut letters = 0usize;
    for letter in text.chars() {
        changed.push(accented(letter));
        letters += usize::from(letter.is_alphabetic());
        // Two more for every five: words grow, and can still be broken where they could.
        if letter.is_alphabetic() && letters.is_multiple_of(5) {
            changed.push_str("··");
        }
    }
    changed.push(MARKS.1);
    Cow::Owned(changed)
}

fn accented(letter: char) -> char {
    match letter {
        'a' => 'á',
        'e' => 'é',
        'i' => 'í',
        'o' => 'ó',
        'u' => 'ú',
        'A' => 'Á',
        'E' => 'É',
        'I' => 'Í',
        'O' => 'Ó',
        'U' => 'Ú',
        other => other,
    }
}
