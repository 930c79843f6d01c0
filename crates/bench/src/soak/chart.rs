//! Curves as a picture: an SVG file that needs nothing else.

use std::fmt::Write as _;

use super::samples::Sample;

const WIDTH: f64 = 880.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 28.0;
const PANEL: f64 = 170.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 26.0;

/// Told apart by lightness, too.
const COLOURS: [&str; 4] = ["#0b5fa5", "#d9730d", "#2e7d32", "#8e44ad"];

/// A curve.
pub struct Curve {
    pub name: &'static str,
    pub value: fn(&Sample) -> f64,
}

/// Curves with one scale.
pub struct Panel {
    pub title: &'static str,
    pub scale: Scale,
    pub curves: Vec<Curve>,
}

/// How a value becomes a height.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// From 0 to the largest.
    Linear,
    /// By its logarithm, from 0.1 on.
    Logarithmic,
}

/// Something that happened, for a line through all panels.
pub struct Mark {
    pub at_seconds: f64,
    pub name: &'static str,
}

/// The picture.
pub fn svg(panels: &[Panel], samples: &[Sample], marks: &[Mark]) -> String {
    let seconds = samples.last().map_or(1.0, |last| last.at.as_secs_f64().max(1.0));
    let count = u32::try_from(panels.len()).unwrap_or(0);
    let height = PANEL * f64::from(count) + 8.0;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>\n"
    );
    for (number, panel) in (0_u32..).zip(panels) {
        let frame = Frame { top: PANEL * f64::from(number), seconds, samples, marks };
        draw(&mut text, panel, frame);
    }
    text.push_str("</svg>\n");
    text
}

/// Where a panel stands, and what is in all of them.
#[derive(Clone, Copy)]
struct Frame<'a> {
    top: f64,
    seconds: f64,
    samples: &'a [Sample],
    marks: &'a [Mark],
}

impl Frame<'_> {
    fn x(self, seconds: f64) -> f64 {
        LEFT + (WIDTH - LEFT - RIGHT) * seconds / self.seconds
    }

    fn y(self, share: f64) -> f64 {
        self.top + TOP + (PANEL - TOP - BOTTOM) * (1.0 - share.clamp(0.0, 1.0))
    }
}

fn draw(text: &mut String, panel: &Panel, frame: Frame<'_>) {
    let Frame { samples, marks, .. } = frame;
    let largest = samples
        .iter()
        .flat_map(|sample| panel.curves.iter().map(|curve| (curve.value)(sample)))
        .fold(0.0_f64, f64::max);
    let (ticks, share) = scale(panel.scale, largest);
    let title_y = frame.top + 20.0;
    let _ = writeln!(text, "<text x=\"{LEFT}\" y=\"{title_y}\" font-weight=\"bold\">{}</text>", panel.title);
    for tick in ticks {
        let y = frame.y(share(tick));
        let _ = writeln!(
            text,
            "<path d=\"M{LEFT} {y:.1}H{:.1}\" stroke=\"#dddddd\"/><text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"#555555\">{}</text>",
            WIDTH - RIGHT,
            LEFT - 6.0,
            y + 4.0,
            number(tick)
        );
    }
    for mark in marks {
        let x = frame.x(mark.at_seconds);
        let _ = writeln!(
            text,
            "<path d=\"M{x:.1} {:.1}V{:.1}\" stroke=\"#999999\" stroke-dasharray=\"4 3\"/><text x=\"{:.1}\" y=\"{:.1}\" fill=\"#555555\" font-size=\"10\">{}</text>",
            frame.y(1.0),
            frame.y(0.0),
            x + 3.0,
            frame.y(1.0) + 9.0,
            mark.name
        );
    }
    let mut legend_x = WIDTH - RIGHT;
    for (curve, colour) in panel.curves.iter().zip(COLOURS) {
        let points: Vec<String> = samples
            .iter()
            .map(|sample| {
                let (x, y) = (frame.x(sample.at.as_secs_f64()), frame.y(share((curve.value)(sample))));
                format!("{x:.1},{y:.1}")
            })
            .collect();
        let _ = writeln!(
            text,
            "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\" points=\"{}\"/>",
            points.join(" ")
        );
        let _ = writeln!(
            text,
            "<text x=\"{legend_x:.1}\" y=\"{title_y}\" text-anchor=\"end\" fill=\"{colour}\">{}</text>",
            curve.name
        );
        legend_x -= 7.0 * f64::from(u32::try_from(curve.name.len()).unwrap_or(0)) + 12.0;
    }
    minutes(text, frame);
}

/// What stands below a panel.
fn minutes(text: &mut String, frame: Frame<'_>) {
    let minutes = frame.seconds / 60.0;
    let step = [1.0, 2.0, 5.0, 10.0, 30.0, 60.0].into_iter().find(|step| minutes / step <= 12.0);
    let mut minute = 0.0;
    while minute <= minutes {
        let _ = writeln!(
            text,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"#555555\">{minute} min</text>",
            frame.x(minute * 60.0),
            frame.y(0.0) + 16.0
        );
        minute += step.unwrap_or(120.0);
    }
}

/// What stands at the axis, and how high a value is, from 0 to 1.
fn scale(scale: Scale, largest: f64) -> (Vec<f64>, Box<dyn Fn(f64) -> f64>) {
    match scale {
        Scale::Linear => {
            let rough = (largest / 4.0).max(1e-9);
            let power = 10_f64.powf(rough.log10().floor());
            let step =
                [1.0, 2.0, 5.0, 10.0].map(|times| times * power).into_iter().find(|step| *step >= rough);
            let step = step.unwrap_or(rough);
            let top = (largest / step).ceil().max(1.0) * step;
            let mut ticks = vec![0.0];
            while ticks.last().is_some_and(|last| *last + step <= top * 1.001) {
                ticks.push(ticks.last().copied().unwrap_or(0.0) + step);
            }
            (ticks, Box::new(move |value| value / top))
        }
        Scale::Logarithmic => {
            let decades = largest.max(1.0).log10().ceil().max(1.0) + 1.0;
            let mut ticks = vec![0.1];
            while ticks.last().is_some_and(|last| *last < largest.max(1.0)) {
                ticks.push(ticks.last().copied().unwrap_or(0.1) * 10.0);
            }
            (ticks, Box::new(move |value: f64| (value.max(0.1).log10() + 1.0) / decades))
        }
    }
}

fn number(value: f64) -> String {
    if value >= 1_000.0 {
        format!("{:.0}k", value / 1_000.0)
    } else if value >= 10.0 || value == 0.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.1}")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn every_curve_and_mark_is_in_the_picture() {
        let sample = |seconds, resident_mb| Sample {
            at: Duration::from_secs(seconds),
            resident_mb,
            ..Sample::default()
        };
        let samples = [sample(0, 10.0), sample(60, 30.0), sample(120, 20.0)];
        let curve = || Curve { name: "resident", value: |one| one.resident_mb };
        let panel = |scale| Panel { title: "Memory, MB", scale, curves: vec![curve()] };
        let marks = [Mark { at_seconds: 60.0, name: "kill -9" }];
        let picture = svg(&[panel(Scale::Linear), panel(Scale::Logarithmic)], &samples, &marks);
        assert_eq!(picture.matches("<polyline").count(), 2);
        assert_eq!(picture.matches("kill -9").count(), 2);
        assert!(!picture.contains("NaN") && !picture.contains("inf"), "{picture}");
        let (ticks, share) = scale(Scale::Linear, 30.0);
        assert_eq!((ticks, share(20.0)), (vec![0.0, 10.0, 20.0, 30.0], 20.0 / 30.0));
        let (ticks, share) = scale(Scale::Logarithmic, 100.0);
        assert_eq!(ticks.len(), 4);
        assert!((share(100.0) - 1.0).abs() < 1e-9 && share(0.0).abs() < 1e-9);
    }
}
