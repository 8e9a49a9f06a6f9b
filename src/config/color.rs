//! Colours and styles, and how they shrink to what a terminal can show.

use std::str::FromStr;

/// How many colours a terminal shows. The order is from fewest to most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum ColorLevel {
    /// None: bold, dim, underline and reverse only.
    Mono,
    /// The sixteen of the terminal's own palette.
    Ansi16,
    /// The xterm palette.
    #[default]
    Ansi256,
    /// 24 bits.
    Truecolor,
}

/// A 24-bit colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rgb(pub u8, pub u8, pub u8);

impl Rgb {
    /// Relative luminance, WCAG 2.2.
    pub fn luminance(self) -> f64 {
        let linear = |c: u8| {
            let c = f64::from(c) / 255.0;
            if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(self.0) + 0.7152 * linear(self.1) + 0.0722 * linear(self.2)
    }

    /// Contrast ratio, WCAG 2.2: 1 to 21.
    pub fn contrast(self, other: Self) -> f64 {
        let (a, b) = (self.luminance(), other.luminance());
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    /// Its place on the colour wheel in degrees, from red over green and blue; `None` for what is nearly grey.
    fn hue(self) -> Option<u16> {
        let [r, g, b] = [self.0, self.1, self.2].map(i32::from);
        let (most, least) = (r.max(g).max(b), r.min(g).min(b));
        let spread = most - least;
        if spread * 4 < most || most < 32 {
            return None;
        }
        let degrees = match most {
            m if m == r => 60 * (g - b) / spread,
            m if m == g => 120 + 60 * (b - r) / spread,
            _ => 240 + 60 * (r - g) / spread,
        };
        u16::try_from(degrees.rem_euclid(360)).ok()
    }

    fn distance(self, other: Self) -> u32 {
        let d = |a: u8, b: u8, weight: u32| u32::from(a.abs_diff(b)).pow(2) * weight;
        d(self.0, other.0, 3) + d(self.1, other.1, 4) + d(self.2, other.2, 2)
    }
}

/// A colour as a theme names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Color {
    /// The terminal's own foreground or background.
    #[default]
    Default,
    /// One of the xterm palette; the first 16 are the terminal's own.
    Indexed(u8),
    /// 24 bits.
    Rgb(Rgb),
}

/// The names of the sixteen, by index.
const NAMES: [&str; 16] = [
    "black",
    "red",
    "green",
    "yellow",
    "blue",
    "magenta",
    "cyan",
    "white",
    "bright-black",
    "bright-red",
    "bright-green",
    "bright-yellow",
    "bright-blue",
    "bright-magenta",
    "bright-cyan",
    "bright-white",
];

/// What xterm shows for the sixteen; terminals differ, so it only serves to find the nearest.
const SIXTEEN: [Rgb; 16] = [
    Rgb(0, 0, 0),
    Rgb(205, 0, 0),
    Rgb(0, 205, 0),
    Rgb(205, 205, 0),
    Rgb(0, 0, 238),
    Rgb(205, 0, 205),
    Rgb(0, 205, 205),
    Rgb(229, 229, 229),
    Rgb(127, 127, 127),
    Rgb(255, 0, 0),
    Rgb(0, 255, 0),
    Rgb(255, 255, 0),
    Rgb(92, 92, 255),
    Rgb(255, 0, 255),
    Rgb(0, 255, 255),
    Rgb(255, 255, 255),
];

/// The steps of the 6x6x6 cube of the xterm palette.
const STEPS: [u8; 6] = [0, 95, 135, 175, 215, 255];

impl Color {
    /// The same colour, or the nearest that `level` can show.
    pub fn at(self, level: ColorLevel) -> Self {
        match (self, level) {
            (_, ColorLevel::Mono) => Self::Default,
            (Self::Rgb(rgb), ColorLevel::Ansi256) => Self::Indexed(nearest_256(rgb)),
            (Self::Rgb(rgb), ColorLevel::Ansi16) => Self::Indexed(nearest_16(rgb)),
            (Self::Indexed(i @ 16..), ColorLevel::Ansi16) => Self::Indexed(nearest_16(xterm(i))),
            (same, _) => same,
        }
    }

    /// Its components, where they are known: the terminal's default is not.
    pub fn rgb(self) -> Option<Rgb> {
        match self {
            Self::Default => None,
            Self::Indexed(i) => Some(xterm(i)),
            Self::Rgb(rgb) => Some(rgb),
        }
    }
}

impl FromStr for Color {
    type Err = ();

    /// Reads `default`, one of the sixteen names, `0` to `255`, or `#rrggbb`.
    fn from_str(text: &str) -> Result<Self, ()> {
        if text == "default" {
            return Ok(Self::Default);
        }
        if let Some(hex) = text.strip_prefix('#') {
            if hex.len() != 6 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
                return Err(());
            }
            let n = u32::from_str_radix(hex, 16).map_err(|_| ())?;
            let [_, r, g, b] = n.to_be_bytes();
            return Ok(Self::Rgb(Rgb(r, g, b)));
        }
        let name = if text == "grey" || text == "gray" { "bright-black" } else { text };
        if let Some(i) = NAMES.iter().position(|n| *n == name) {
            return u8::try_from(i).map(Self::Indexed).map_err(|_| ());
        }
        text.parse::<u8>().map(Self::Indexed).map_err(|_| ())
    }
}

fn xterm(index: u8) -> Rgb {
    let step = |i: u8| STEPS.get(usize::from(i)).copied().unwrap_or(0);
    match index {
        0..=15 => SIXTEEN.get(usize::from(index)).copied().unwrap_or(Rgb(0, 0, 0)),
        16..=231 => {
            let i = index - 16;
            Rgb(step(i / 36), step(i / 6 % 6), step(i % 6))
        }
        232.. => {
            let grey = 8 + 10 * (index - 232);
            Rgb(grey, grey, grey)
        }
    }
}

fn nearest_256(rgb: Rgb) -> u8 {
    (16..=255).min_by_key(|i| xterm(*i).distance(rgb)).unwrap_or(15)
}

/// A colour that has a hue keeps it: the nearest of all would make most of them grey.
fn nearest_16(rgb: Rgb) -> u8 {
    let near = |i: &u8| match (rgb.hue(), xterm(*i).hue()) {
        (Some(a), Some(b)) => a.abs_diff(b).min(360 - a.abs_diff(b)) < 40,
        (None, None) => true,
        _ => false,
    };
    (0..16).filter(near).min_by_key(|i| xterm(*i).distance(rgb)).unwrap_or(7)
}

/// How something is drawn. `None` leaves what lies beneath.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Style {
    /// Foreground.
    pub fg: Option<Color>,
    /// Background.
    pub bg: Option<Color>,
    /// Bold.
    pub bold: bool,
    /// Dim.
    pub dim: bool,
    /// Foreground and background change places.
    pub reverse: bool,
    /// Underlined.
    pub underline: bool,
    /// Italic.
    pub italic: bool,
}

impl Style {
    /// The same style in the colours that `level` can show.
    pub fn at(self, level: ColorLevel) -> Self {
        let color = |c: Option<Color>| match level {
            ColorLevel::Mono => None,
            _ => c.map(|c| c.at(level)),
        };
        Self { fg: color(self.fg), bg: color(self.bg), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_read_as_people_write_them() {
        for (text, expect) in [
            ("default", Ok(Color::Default)),
            ("red", Ok(Color::Indexed(1))),
            ("bright-cyan", Ok(Color::Indexed(14))),
            ("grey", Ok(Color::Indexed(8))),
            ("208", Ok(Color::Indexed(208))),
            ("#D55E00", Ok(Color::Rgb(Rgb(0xd5, 0x5e, 0)))),
            ("#fff", Err(())),
            ("#+1+2+3", Err(())),
            ("256", Err(())),
            ("redd", Err(())),
        ] {
            assert_eq!(text.parse::<Color>(), expect, "{text}");
        }
    }

    #[test]
    fn fewer_colours_mean_the_nearest_ones() {
        let orange = Color::Rgb(Rgb(255, 135, 0));
        assert_eq!(orange.at(ColorLevel::Truecolor), orange);
        assert_eq!(orange.at(ColorLevel::Ansi256), Color::Indexed(208));
        assert_eq!(Color::Rgb(Rgb(250, 10, 10)).at(ColorLevel::Ansi16), Color::Indexed(9));
        for (rgb, expect) in [
            (Rgb(0x7f, 0xc9, 0x7f), [2, 10]),
            (Rgb(0xff, 0x6b, 0x6b), [1, 9]),
            (Rgb(0xd5, 0x5e, 0x00), [1, 9]),
            (Rgb(0xe6, 0x9f, 0x00), [3, 11]),
            (Rgb(0xd5, 0x9b, 0xf0), [5, 13]),
            (Rgb(0x6c, 0xc6, 0xe8), [6, 14]),
            (Rgb(0x9a, 0x9f, 0xa8), [7, 8]),
            (Rgb(0, 0, 0), [0, 0]),
        ] {
            let Color::Indexed(i) = Color::Rgb(rgb).at(ColorLevel::Ansi16) else { panic!("{rgb:?}") };
            assert!(expect.contains(&i), "{rgb:?} became {i}");
        }
        assert_eq!(Color::Indexed(46).at(ColorLevel::Ansi16), Color::Indexed(10));
        assert_eq!(Color::Indexed(2).at(ColorLevel::Ansi16), Color::Indexed(2));
        assert_eq!(orange.at(ColorLevel::Mono), Color::Default);
    }

    #[test]
    fn contrast_is_that_of_wcag() {
        let (black, white) = (Rgb(0, 0, 0), Rgb(255, 255, 255));
        assert!((black.contrast(white) - 21.0).abs() < 0.01);
        assert!((Rgb(0x77, 0x77, 0x77).contrast(white) - 4.48).abs() < 0.01);
    }
}
