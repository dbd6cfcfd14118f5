//! The combination dial of the sign-in page: rings whose ticks are dashes, and eleven more marks.
//! Decoration, hidden from assistive technology. Lengths are units of its 1200 x 1200 view box.

use std::f64::consts::TAU;

/// Where the dial rests, in degrees: between 22 and 23 of its hundred numbers.
pub(crate) const REST: f64 = 27.0;

/// A plain ring.
pub(crate) struct Ring {
    pub(crate) radius: f64,
    pub(crate) class: &'static str,
}

pub(crate) const RINGS: [Ring; 8] = [
    Ring { radius: 594.0, class: "dh" },
    Ring { radius: 566.0, class: "db" },
    Ring { radius: 420.0, class: "dh" },
    Ring { radius: 410.0, class: "db" },
    Ring { radius: 268.0, class: "dh" },
    Ring { radius: 262.0, class: "dh" },
    Ring { radius: 120.0, class: "db" },
    Ring { radius: 112.0, class: "dh" },
];

/// A ring of `count` ticks from radius `outer` to `inner`, each `width` wide, the first at the top.
pub(crate) struct Ticks {
    count: f64,
    outer: f64,
    inner: f64,
    width: f64,
    pub(crate) class: &'static str,
    /// Whether the ring turns with the numbers.
    pub(crate) turns: bool,
}

impl Ticks {
    const fn new(count: f64, outer: f64, inner: f64, width: f64, class: &'static str, turns: bool) -> Self {
        Self { count, outer, inner, width, class, turns }
    }

    /// Radius of the circle whose dashes are the ticks.
    pub(crate) fn radius(&self) -> f64 {
        f64::midpoint(self.outer, self.inner)
    }

    /// Width of that circle's stroke: the length of a tick.
    pub(crate) fn length(&self) -> f64 {
        self.outer - self.inner
    }

    /// `stroke-dasharray`: a tick, then the gap to the next.
    pub(crate) fn dashes(&self) -> String {
        let step = TAU * self.radius() / self.count;
        format!("{:.2} {:.4}", self.width, step - self.width)
    }

    /// `stroke-dashoffset` that puts the middle of the first tick where the circle starts.
    pub(crate) fn offset(&self) -> String {
        format!("{:.2}", self.width / 2.0)
    }

    /// Turn that brings the start of the circle, at three o'clock, to the first tick.
    pub(crate) fn turn(&self) -> f64 {
        if self.turns { REST - 90.0 } else { -90.0 }
    }
}

/// Finer ticks first: coarser ones are drawn over them.
pub(crate) const TICKS: [Ticks; 8] = [
    Ticks::new(400.0, 560.0, 553.0, 0.8, "dm", true),
    Ticks::new(200.0, 560.0, 549.0, 0.8, "dm", true),
    Ticks::new(100.0, 560.0, 538.0, 0.9, "dh", true),
    Ticks::new(20.0, 560.0, 528.0, 0.9, "dh", true),
    Ticks::new(10.0, 560.0, 516.0, 1.3, "db", true),
    Ticks::new(240.0, 402.0, 276.0, 2.0, "dk", false),
    Ticks::new(60.0, 254.0, 246.0, 0.8, "dm", false),
    Ticks::new(12.0, 254.0, 236.0, 0.8, "dm", false),
];

/// The numbers and the turn of each, in degrees from the top.
pub(crate) fn numbers() -> impl Iterator<Item = (u32, f64)> {
    (0..10).map(|ten| (ten * 10, f64::from(ten) * 36.0 + REST))
}
