//! A chart of how often something happened in stretches of time, in two bands: what was allowed, and below it what was
//! denied or failed, each as high as its own most. On one scale a night of denials is not seen beside what is usual.
//! Across it is measured in percent, up and down in pixels, so that it is as wide as its place; what it looks like is the
//! style sheet's business. It never stands alone: the same figures follow as a table.

/// Where the baseline of the numbers of marks is, and of the words over either band, in pixels.
const MARKS: u64 = 10;
const ALLOWED_WORDS: u64 = 26;
const REFUSED_WORDS: u64 = 118;
/// Top and height of the band of what was allowed.
const ALLOWED: (u64, u64) = (30, 72);
/// Top and height of the band of what was denied or failed.
const REFUSED: (u64, u64) = (122, 40);
/// Where ticks end, and the baseline of their words.
const TICKS: (u64, u64) = (168, 181);
const HEIGHT: u64 = 185;
/// About how many ticks there are.
const TICKS_WANTED: usize = 8;
/// Marks that are nearer than this are drawn as one, in thousandths of the width: their numbers need as much on a phone.
const BESIDE: u16 = 60;

/// Bars over time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chart {
    /// What is counted, and over what time: `Decisions in the last 24 h, by 15 min`.
    pub title: String,
    /// The chart in one sentence, for who does not see it.
    pub summary: String,
    /// Stretches of time, in order, without a gap.
    pub bars: Vec<Bar>,
    /// The most of a bar: allowed, and denied and failed together, in words: `12,000`.
    pub most: (String, String),
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

/// Marks that fall so near to each other that they are drawn as one.
pub(crate) struct DrawnMarks {
    /// Where, in percent.
    pub(crate) x: String,
    /// Their numbers: `2`, or `2–4`.
    pub(crate) words: String,
}

/// One stretch of time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bar {
    /// When it begins, in words.
    pub label: String,
    /// The same as short as below a chart: `03:00`.
    pub tick: String,
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
    /// Class, top and height of each part, from the bottom of its band up.
    pub(crate) parts: Vec<(&'static str, u64, u64)>,
}

/// A moment below the bars.
pub(crate) struct Tick<'a> {
    pub(crate) x: String,
    pub(crate) words: &'a str,
    /// Whether its words are left out where there is little room.
    pub(crate) spare: bool,
}

impl Bar {
    pub(crate) fn total(&self) -> u64 {
        self.allowed + self.refused()
    }

    /// What was denied or failed.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.denied + self.failed
    }
}

impl Chart {
    pub(crate) fn height(&self) -> u64 {
        HEIGHT
    }

    /// Baselines of the words over the bands, and of the numbers of marks.
    pub(crate) fn baselines(&self) -> (u64, u64, u64) {
        (ALLOWED_WORDS, REFUSED_WORDS, MARKS)
    }

    /// Where ticks begin and end, and the baseline of their words.
    pub(crate) fn tick_places(&self) -> (u64, u64, u64) {
        (REFUSED.0 + REFUSED.1, TICKS.0, TICKS.1)
    }

    /// How wide a bar's place is, in percent.
    #[expect(clippy::cast_precision_loss, reason = "a chart has at most a thousand bars")]
    fn step(&self) -> f64 {
        100.0 / self.bars.len().max(1) as f64
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

    /// Moments below the bars, evenly apart.
    pub(crate) fn ticks(&self) -> impl Iterator<Item = Tick<'_>> {
        let step = self.step();
        let ticked = self.bars.iter().enumerate().step_by(self.bars.len().div_ceil(TICKS_WANTED).max(1));
        ticked.enumerate().map(move |(number, (index, bar))| {
            #[expect(clippy::cast_precision_loss, reason = "a chart has at most a thousand bars")]
            let x = step * index as f64;
            Tick { x: format!("{x:.3}"), words: &bar.tick, spare: number % 2 == 1 }
        })
    }

    /// The marks as they are drawn, by their numbers in the list below: those beside each other as one.
    pub(crate) fn drawn_marks(&self) -> Vec<DrawnMarks> {
        let mut runs: Vec<(&Mark, usize, usize)> = Vec::new();
        for (number, mark) in (1..).zip(&self.marks) {
            match runs.last_mut() {
                Some((first, _, last)) if mark.place.abs_diff(first.place) < BESIDE => *last = number,
                _ => runs.push((mark, number, number)),
            }
        }
        let words = |from: usize, to: usize| if from == to { from.to_string() } else { format!("{from}–{to}") };
        runs.into_iter().map(|(first, from, to)| DrawnMarks { x: first.x(), words: words(from, to) }).collect()
    }

    pub(crate) fn drawn(&self) -> impl Iterator<Item = Drawn> {
        let allowed = self.bars.iter().map(|bar| bar.allowed).max().unwrap_or(0);
        let refused = self.bars.iter().map(Bar::refused).max().unwrap_or(0);
        let step = self.step();
        self.bars.iter().enumerate().map(move |(index, bar)| {
            let mut parts = stacked(ALLOWED, allowed, &[("f-bar", bar.allowed)]);
            parts.extend(stacked(REFUSED, refused, &[("f-deny", bar.denied), ("f-warn", bar.failed)]));
            #[expect(clippy::cast_precision_loss, reason = "a chart has at most a thousand bars")]
            let x = step * index as f64;
            Drawn { x: format!("{x:.3}"), width: format!("{:.3}", step * 0.82), parts }
        })
    }
}

/// What stands in a band whose tallest bar has `most`, from the bottom up.
fn stacked((top, height): (u64, u64), most: u64, parts: &[(&'static str, u64)]) -> Vec<(&'static str, u64, u64)> {
    let mut left = height;
    let filled = parts.iter().filter(|(_, count)| *count > 0);
    let part = |&(class, count): &(&'static str, u64)| {
        // What happened at all is seen.
        let tall = (count * height / most.max(1)).max(2).min(left);
        left -= tall;
        (class, top + left, tall)
    };
    filled.map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(allowed: u64, denied: u64, failed: u64) -> Bar {
        Bar { allowed, denied, failed, ..Bar::default() }
    }

    fn of(bars: Vec<Bar>) -> Chart {
        Chart { bars, ..Chart::default() }
    }

    #[test]
    fn what_happened_is_seen_and_nothing_leaves_its_band() {
        let chart = of(vec![bar(100_000, 1, 1), bar(0, 0, 0), bar(0, 50_000, 0)]);
        let drawn: Vec<_> = chart.drawn().collect();
        assert_eq!(drawn[0].parts, [("f-bar", 30, 72), ("f-deny", 160, 2), ("f-warn", 158, 2)]);
        assert!(drawn[1].parts.is_empty());
        assert_eq!(drawn[2].parts, [("f-deny", 122, 40)]);
        assert_eq!((drawn[1].x.as_str(), drawn[1].width.as_str()), ("33.333", "27.333"));
        assert_eq!(Chart::default().drawn().count(), 0);
        assert_eq!([0, 7, 999].map(|place| Mark { place, ..Mark::default() }.x()), ["0.0", "0.7", "99.9"]);
    }

    #[test]
    fn marks_that_fall_together_are_drawn_as_one() {
        let marks = [0, 3, 59, 60, 500, 990].map(|place| Mark { place, ..Mark::default() });
        let drawn = Chart { marks: marks.to_vec(), ..Chart::default() }.drawn_marks();
        let drawn: Vec<_> = drawn.iter().map(|one| (one.x.as_str(), one.words.as_str())).collect();
        assert_eq!(drawn, [("0.0", "1–3"), ("6.0", "4"), ("50.0", "5"), ("99.0", "6")]);
    }

    #[test]
    fn many_denials_and_few_differ_beside_thousands_that_were_allowed() {
        let heights: Vec<u64> = of(vec![bar(12_000, 5, 0), bar(12_000, 300, 0)])
            .drawn()
            .flat_map(|drawn| drawn.parts)
            .filter_map(|(class, _, height)| (class == "f-deny").then_some(height))
            .collect();
        assert!(heights[1] - heights[0] > 20, "{heights:?}");
    }

    #[test]
    fn ticks_stand_evenly_below_the_bars() {
        let bars =
            |count: usize| -> Vec<Bar> { (0..count).map(|n| Bar { tick: n.to_string(), ..Bar::default() }).collect() };
        let words = |count| of(bars(count)).ticks().map(|tick| (tick.words.to_owned(), tick.x)).collect::<Vec<_>>();
        assert_eq!(words(96).len(), 8);
        assert_eq!(words(96)[1], ("12".to_owned(), "12.500".to_owned()));
        assert_eq!(words(3).len(), 3);
        assert!(words(0).is_empty());
    }
}
