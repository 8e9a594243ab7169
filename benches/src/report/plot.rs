//! A plot as an SVG file: lines with a dot at every measured point.

use std::path::Path;

use plotters::coord::Shift;
use plotters::coord::ranged1d::{AsRangedCoord, Ranged, ValueFormatter};
use plotters::prelude::*;

use crate::fault::{Bench, BenchError};
use crate::goal::number;

/// How an axis grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scale {
    /// By addition.
    #[default]
    Linear,
    /// By multiplication; all values are above 0.
    Log,
}

/// One line.
#[derive(Clone, Debug)]
pub struct Series {
    /// Its name in the legend.
    pub name: String,
    /// Points in order.
    pub points: Vec<(f64, f64)>,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Plot {
    /// Name of the file, without `.svg`.
    pub file: String,
    /// Heading.
    pub title: String,
    /// What the x axis counts, and how.
    pub x: (String, Scale),
    /// What the y axis counts, and how.
    pub y: (String, Scale),
    /// The lines.
    pub series: Vec<Series>,
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

impl Plot {
    /// Writes `FILE.svg` into `folder`. A plot without points is not written.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn draw(&self, folder: &Path) -> Bench<()> {
        let path = folder.join(format!("{}.svg", self.file));
        if self.series.iter().all(|series| series.points.is_empty()) {
            return Ok(());
        }
        let area = SVGBackend::new(&path, (900, 520)).into_drawing_area();
        let (x, y) = (self.range(self.x.1, |p| p.0), self.range(self.y.1, |p| p.1));
        let drawn = match (self.x.1, self.y.1) {
            (Scale::Linear, Scale::Linear) => self.lines(&area, x, y),
            (Scale::Log, Scale::Linear) => self.lines(&area, x.log_scale(), y),
            (Scale::Linear, Scale::Log) => self.lines(&area, x, y.log_scale()),
            (Scale::Log, Scale::Log) => self.lines(&area, x.log_scale(), y.log_scale()),
        };
        let fault = |why: String| BenchError::Other(format!("draw {}: {why}", path.display()));
        drawn.map_err(fault)?;
        area.present().map_err(|why| fault(why.to_string()))
    }

    /// From the smallest to the largest value; a linear axis begins at 0.
    fn range(&self, scale: Scale, pick: fn(&(f64, f64)) -> f64) -> core::ops::Range<f64> {
        let values = || self.series.iter().flat_map(|s| &s.points).map(pick);
        let largest = values().fold(f64::MIN_POSITIVE, f64::max);
        match scale {
            Scale::Linear => 0.0..largest * 1.05,
            Scale::Log => values().fold(f64::MAX, f64::min).min(largest) * 0.9..largest * 1.1,
        }
    }

    fn lines<X, Y>(&self, area: &Area<'_>, x: X, y: Y) -> Result<(), String>
    where
        X: AsRangedCoord<Value = f64>,
        Y: AsRangedCoord<Value = f64>,
        X::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
        Y::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
    {
        let text = |why: DrawingAreaErrorKind<_>| format!("{why}");
        area.fill(&WHITE).map_err(text)?;
        let mut chart = ChartBuilder::on(area)
            .caption(&self.title, ("sans-serif", 20))
            .margin(12)
            .x_label_area_size(44)
            .y_label_area_size(76)
            .build_cartesian_2d(x, y)
            .map_err(text)?;
        chart
            .configure_mesh()
            .light_line_style(WHITE)
            .x_desc(&self.x.0)
            .y_desc(&self.y.0)
            .x_label_formatter(&|value| number(*value))
            .y_label_formatter(&|value| number(*value))
            .draw()
            .map_err(text)?;
        for (place, series) in self.series.iter().enumerate() {
            let color = Palette99::pick(place).to_rgba();
            let points = || series.points.iter().copied();
            chart
                .draw_series(LineSeries::new(points(), color.stroke_width(2)))
                .map_err(text)?
                .label(&series.name)
                .legend(move |(x, y)| {
                    PathElement::new([(x, y), (x + 18, y)], color.stroke_width(2))
                });
            chart
                .draw_series(points().map(|point| Circle::new(point, 3, color.filled())))
                .map_err(text)?;
        }
        chart
            .configure_series_labels()
            .background_style(WHITE.mix(0.85))
            .border_style(BLACK.mix(0.3))
            .draw()
            .map_err(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_of_scales_is_drawn() {
        let folder = tempfile::tempdir().expect("a directory");
        for (n, (x, y)) in [
            (Scale::Linear, Scale::Linear),
            (Scale::Log, Scale::Linear),
            (Scale::Linear, Scale::Log),
            (Scale::Log, Scale::Log),
        ]
        .into_iter()
        .enumerate()
        {
            let plot = Plot {
                file: format!("p{n}"),
                title: "throughput against latency".into(),
                x: ("commands/s".into(), x),
                y: ("ms".into(), y),
                series: vec![Series { name: "p50".into(), points: vec![(1.0, 2.0), (10.0, 9.0)] }],
            };
            plot.draw(folder.path()).expect("a plot");
            let svg = std::fs::read_to_string(folder.path().join(format!("p{n}.svg")));
            let svg = svg.expect("the file");
            assert!(svg.contains("<svg") && svg.contains("throughput against latency"));
        }
    }
}
