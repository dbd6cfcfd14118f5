//! Form and query parameters (`application/x-www-form-urlencoded`), already decoded into pairs.
//!
//! Unknown names are ignored, as OAuth demands (RFC 6749 section 3.1); a known name given twice is
//! refused, because the two ends could disagree which one counts.

/// Most pairs one request may bring, known or not.
const MAX_PAIRS: usize = 64;

/// Why parameters are refused. Says which name, never which value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FormError {
    /// A known name came twice.
    Duplicate(&'static str),
    /// A known name's value is longer than it may be.
    TooLong(&'static str),
    /// More pairs than any client sends.
    TooMany,
}

/// The values of known names.
pub(crate) struct Form(Vec<(&'static str, String)>);

impl Form {
    /// Picks the known names out; each comes with the most bytes its value may have.
    pub(crate) fn pick(
        pairs: impl IntoIterator<Item = (String, String)>,
        known: &[(&'static str, usize)],
    ) -> Result<Self, FormError> {
        let mut picked: Vec<(&'static str, String)> = Vec::new();
        for (count, (name, value)) in pairs.into_iter().enumerate() {
            if count >= MAX_PAIRS {
                return Err(FormError::TooMany);
            }
            let Some((known, limit)) = known.iter().find(|(known, _)| *known == name) else { continue };
            if picked.iter().any(|(other, _)| other == known) {
                return Err(FormError::Duplicate(known));
            }
            if value.len() > *limit {
                return Err(FormError::TooLong(known));
            }
            picked.push((known, value));
        }
        Ok(Self(picked))
    }

    /// Takes a value out. Empty values count as absent (RFC 6749 section 3.1).
    pub(crate) fn take(&mut self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|(known, _)| *known == name)?;
        Some(self.0.swap_remove(at).1).filter(|value| !value.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn known_names_are_taken_and_unknown_ones_ignored() {
        let mut form =
            Form::pick(pairs(&[("a", "1"), ("x", "2"), ("x", "3"), ("b", "")]), &[("a", 4), ("b", 4)]).unwrap();
        assert_eq!(form.take("a").as_deref(), Some("1"));
        assert_eq!(form.take("a"), None);
        assert_eq!(form.take("b"), None);
        assert_eq!(form.take("x"), None);
    }

    #[test]
    fn duplicates_long_values_and_floods_are_refused() {
        let known = &[("a", 4)];
        assert_eq!(Form::pick(pairs(&[("a", "1"), ("a", "1")]), known).err(), Some(FormError::Duplicate("a")));
        assert_eq!(Form::pick(pairs(&[("a", "12345")]), known).err(), Some(FormError::TooLong("a")));
        assert_eq!(Form::pick(pairs(&[("x", "1"); 65]), known).err(), Some(FormError::TooMany));
        assert!(Form::pick(pairs(&[("x", "1"); 64]), known).is_ok());
    }
}
