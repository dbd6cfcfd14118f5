//! A chart of how often something happened in stretches of time: bars of three sorts, one above the
//! other. Across it is measured in percent, up and down in pixels, so that it is as wide as its place; what
//! it looks like is the style sheet's business. It never stands alone: the same figures follow as a table.

/// Height of the tallest bar in pixels.
const HEIGHT: u64 = 72;

/// Bars over time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chart {
    /// What is counted, and over what time: `Decisions in the last 24 h, by 15 min`.
    pub title: String,
    /// The chart in one sentence, for who does not see it.
    pub summary: String,
    /// Stretches of time, in order, without a gap.
    pub bars: Vec<Bar>,
    /// Words below the beginning and the end.
    pub ends: (String, String),
    /// What was changed meanwhile, in order.
    pub marks: Vec<Mark>,
}

/// A change, where it falls among the bars: what came of it may begin there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mark {
    /// Where it falls, in thousandths of the width.
    pub place: u16,
    /// When, in words.
    pub label: String,
    /// What was changed, and by whom.
    pub what: String,
    /// Its record.
    pub href: String,
}

impl Mark {
    /// Where it is drawn, in percent.
    pub(crate) fn x(&self) -> String {
        format!("{}.{}", self.place / 10, self.place % 10)
    }
}

/// One stretch of time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bar {
    /// When it begins, in words.
    pub label: String,
    /// What was allowed.
    pub allowed: u64,
    /// What was denied.
    pub denied: u64,
    /// What failed.
    pub failed: u64,
    /// Where its records are listed.
    pub href: String,
}

/// A bar as it is drawn.
pub(crate) struct Drawn {
    pub(crate) x: String,
    pub(crate) width: String,
    /// Class, top and height of each part, from the bottom up.
    pub(crate) parts: Vec<(&'static str, u64, u64)>,
}

impl Bar {
    pub(crate) fn total(&self) -> u64 {
        self.allowed + self.denied + self.failed
    }
}

impl Chart {
    pub(crate) fn height(&self) -> u64 {
        HEIGHT
    }

    pub(crate) fn tallest(&self) -> u64 {
        self.bars.iter().map(Bar::total).max().unwrap_or(0)
    }

    /// How much is drawn, of every sort.
    #[must_use]
    pub fn counted(&self) -> u64 {
        self.bars.iter().map(Bar::total).sum()
    }

    /// The bars that are not empty.
    pub(crate) fn filled(&self) -> impl Iterator<Item = &Bar> {
        self.bars.iter().filter(|bar| bar.total() > 0)
    }

    pub(crate) fn drawn(&self) -> impl Iterator<Item = Drawn> {
        let tallest = self.tallest().max(1);
        #[expect(clippy::cast_precision_loss, reason = "a chart has at most a thousand bars")]
        let step = 100.0 / self.bars.len().max(1) as f64;
        self.bars.iter().enumerate().map(move |(index, bar)| {
            let mut top = HEIGHT;
            let parts = [("f-deny", bar.denied), ("f-warn", bar.failed), ("f-bar", bar.allowed)];
            let parts = parts.into_iter().filter(|(_, count)| *count > 0).map(|(class, count)| {
                // What happened at all is seen.
                let height = (count * HEIGHT / tallest).max(2).min(top);
                top -= height;
                (class, top, height)
            });
            let parts = parts.collect();
            #[expect(clippy::cast_precision_loss, reason = "a chart has at most a thousand bars")]
            let x = step * index as f64;
            Drawn { x: format!("{x:.3}"), width: format!("{:.3}", step * 0.82), parts }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happened_is_seen_and_nothing_leaves_the_chart() {
        let bar = |allowed, denied, failed| Bar { allowed, denied, failed, ..Bar::default() };
        let chart = Chart { bars: vec![bar(100_000, 1, 1), bar(0, 0, 0), bar(0, 50_000, 0)], ..Chart::default() };
        let drawn: Vec<_> = chart.drawn().collect();
        assert_eq!(drawn[0].parts, [("f-deny", 70, 2), ("f-warn", 68, 2), ("f-bar", 0, 68)]);
        assert!(drawn[1].parts.is_empty());
        assert_eq!(drawn[2].parts, [("f-deny", 37, 35)]);
        assert_eq!((drawn[1].x.as_str(), drawn[1].width.as_str()), ("33.333", "27.333"));
        assert_eq!(Chart::default().drawn().count(), 0);
        assert_eq!([0, 7, 999].map(|place| Mark { place, ..Mark::default() }.x()), ["0.0", "0.7", "99.9"]);
    }
}
