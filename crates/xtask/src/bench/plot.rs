//! The plot beside `docs/benchmarks.md`: each figure at each size, in parts of the first one.

use std::fmt::Write;

use super::report::Report;

/// Width and height of the picture, and of the margins around the plot, in pixels.
const SIZE: (f64, f64) = (760.0, 400.0);
const MARGINS: (f64, f64) = (60.0, 50.0);

/// Room for the names of the lines, in pixels.
const NAMES: f64 = 230.0;

/// The highest value of the vertical axis.
const HIGHEST: f64 = 1.5;

/// Colours that are told apart also by those who see few.
const COLOURS: [&str; 6] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00"];

/// A figure's name and its values by ports.
struct Line {
    name: String,
    points: Vec<(u64, f64)>,
}

/// The picture, as SVG; none when no growth was measured.
pub(super) fn plot(report: &Report) -> Option<String> {
    let lines = lines(report);
    let ports: Vec<u64> = lines.first()?.points.iter().map(|(ports, _)| *ports).collect();
    let (first, last) = (*ports.first()?, *ports.last()?);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n",
        SIZE.0, SIZE.1
    );
    let x = |ports: u64| {
        let part = (ports as f64 / first as f64).ln() / (last as f64 / first as f64).ln().max(f64::EPSILON);
        MARGINS.0 + part * (SIZE.0 - 2.0 * MARGINS.0 - NAMES)
    };
    let y = |value: f64| SIZE.1 - MARGINS.1 - value.min(HIGHEST) / HIGHEST * (SIZE.1 - 2.0 * MARGINS.1);
    axes(&mut svg, &ports, &x, &y);
    for (number, (line, colour)) in lines.iter().zip(COLOURS.iter().cycle()).enumerate() {
        let places = line.points.iter().map(|(ports, value)| format!("{:.1},{:.1}", x(*ports), y(*value)));
        let places = places.collect::<Vec<_>>().join(" ");
        let (left, top) = (SIZE.0 - NAMES - 20.0, MARGINS.1 + 20.0 * number as f64);
        // Writing to a text cannot fail.
        let _ = writeln!(
            svg,
            "<polyline points=\"{places}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>\n\
             <text x=\"{left}\" y=\"{top}\" fill=\"{colour}\">{}</text>",
            line.name
        );
    }
    svg.push_str("</svg>\n");
    Some(svg)
}

fn axes(svg: &mut String, ports: &[u64], x: &impl Fn(u64) -> f64, y: &impl Fn(f64) -> f64) {
    let (Some(first), Some(last)) = (ports.first(), ports.last()) else { return };
    for value in [0.0, 0.5, 1.0, HIGHEST] {
        let _ = writeln!(
            svg,
            "<line x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{2:.1}\" y2=\"{2:.1}\" stroke=\"#cccccc\"/>\n\
             <text x=\"{3:.1}\" y=\"{2:.1}\" text-anchor=\"end\">{value}</text>",
            x(*first),
            x(*last),
            y(value),
            x(*first) - 8.0,
        );
    }
    for ports in ports {
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{ports}</text>",
            x(*ports),
            y(0.0) + 18.0,
        );
    }
    let _ = writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"{:.1}\">ports live</text>\n<text x=\"10\" y=\"25\">speed, in parts of that with {first} ports</text>",
        x(*first),
        y(0.0) + 38.0,
    );
}

fn lines(report: &Report) -> Vec<Line> {
    let mut lines = Vec::new();
    for engine in &report.engines {
        let Some(growth) = &engine.growth else { continue };
        let mut add = |name: &str, values: Vec<(u64, f64)>| {
            let first = values.first().map_or(1.0, |(_, value)| value.max(f64::EPSILON));
            let points = values.into_iter().map(|(ports, value)| (ports, value / first)).collect();
            lines.push(Line { name: format!("{}: {name}", engine.engine), points });
        };
        let points = &growth.points;
        add("allocate", points.iter().map(|point| (point.ports, point.allocations())).collect());
        add(
            "GetInstanceNwInfo",
            points.iter().map(|point| (point.ports, point.nw_info.per_second)).collect(),
        );
        add("deallocate", points.iter().map(|point| (point.ports, point.deallocate.per_second)).collect());
    }
    lines
}
