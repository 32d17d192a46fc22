//! How values read: lengths, sizes, counts, moments. By language, without the viewer's time zone.

use virga_core::{
    Timestamp,
    video::VideoState,
    wire::{Me, Video},
};

use crate::locale::Lang;

/// `1:02:03`, `4:05`: whole seconds that have passed, as the player counts them (`ui/src/player/time.ts`).
pub(crate) fn length(seconds: f64) -> String {
    let whole = std::time::Duration::try_from_secs_f64((seconds + 0.001).floor().max(0.0))
        .unwrap_or_default()
        .as_secs();
    let (hours, minutes, rest) = (whole / 3600, whole / 60 % 60, whole % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{rest:02}")
    } else {
        format!("{minutes}:{rest:02}")
    }
}

/// `1.2 GB`, in powers of a thousand as disks are sold.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if count < 1000 {
        return format!("{count} B");
    }
    let (mut scale, mut unit) = (1000_u64, UNITS[0]);
    for next in &UNITS[1..] {
        if count / scale < 1000 {
            break;
        }
        (scale, unit) = (scale * 1000, next);
    }
    format!("{} {unit}", tenths(count, scale))
}

/// `12.3K`, `1.2 万`.
pub(crate) fn count(lang: Lang, n: u64) -> String {
    let steps: &[(u64, &str)] = match lang {
        Lang::En => &[(1_000_000_000, "B"), (1_000_000, "M"), (1000, "K")],
        Lang::ZhCn => &[(100_000_000, " 亿"), (10_000, " 万")],
    };
    match steps.iter().find(|(step, _)| n >= *step) {
        Some((step, word)) => format!("{}{word}", tenths(n, *step)),
        None => n.to_string(),
    }
}

/// With one decimal below a hundred, and never `12.0`.
fn tenths(n: u64, scale: u64) -> String {
    let (whole, tenth) = (n / scale, n % scale * 10 / scale);
    if whole >= 100 || tenth == 0 {
        whole.to_string()
    } else {
        format!("{whole}.{tenth}")
    }
}

/// A moment as pages show it.
#[derive(Clone, Debug)]
pub(crate) struct When {
    /// For `datetime=`.
    pub(crate) iso: String,
    /// The date in words.
    pub(crate) date: String,
    /// How long ago.
    pub(crate) ago: String,
}

impl When {
    pub(crate) fn new(lang: Lang, now: Timestamp, at: Timestamp) -> Self {
        Self {
            iso: at.to_string(),
            date: date(lang, at),
            ago: ago(lang, now, at),
        }
    }
}

/// `22 November 2026`.
pub(crate) fn date(lang: Lang, at: Timestamp) -> String {
    let day = at.to_datetime();
    lang.fill(
        "date",
        &[
            ("year", day.year().to_string().into()),
            ("month", u8::from(day.month()).into()),
            ("day", day.day().to_string().into()),
        ],
    )
}

/// `3 hours ago`; beyond a year in years.
fn ago(lang: Lang, now: Timestamp, at: Timestamp) -> String {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    let seconds = now.since(at).as_secs();
    let (key, n) = match seconds {
        0..MINUTE => return lang.text("ago-now"),
        MINUTE..HOUR => ("ago-minutes", seconds / MINUTE),
        HOUR..DAY => ("ago-hours", seconds / HOUR),
        _ if seconds < 30 * DAY => ("ago-days", seconds / DAY),
        _ if seconds < 365 * DAY => ("ago-months", seconds / (30 * DAY)),
        _ => ("ago-years", seconds / (365 * DAY)),
    };
    lang.count(key, n, &n.to_string())
}

/// How `User-Agent` names browsers, the more particular one first.
const BROWSERS: [(&str, &str); 15] = [
    ("Edg/", "Edge"),
    ("EdgA/", "Edge"),
    ("EdgiOS/", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("MicroMessenger/", "WeChat"),
    ("QQBrowser/", "QQ Browser"),
    ("UCBrowser/", "UC Browser"),
    ("Vivaldi/", "Vivaldi"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chromium/", "Chromium"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
];

/// How `User-Agent` names systems, the more particular one first.
const SYSTEMS: [(&str, &str); 8] = [
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("OpenHarmony", "HarmonyOS"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Macintosh", "macOS"),
    ("Linux", "Linux"),
];

/// `Firefox on Windows`, out of what a browser calls itself; another program's own name.
pub(crate) fn device(lang: Lang, agent: &str) -> String {
    let find = |names: &[(&str, &'static str)]| {
        let known = names.iter().find(|(sign, _)| agent.contains(sign));
        known.map(|(_, name)| *name)
    };
    // Browsers all begin alike; the first word of other programs is their name.
    let browser = if agent.starts_with("Mozilla/") {
        find(&BROWSERS)
    } else {
        let name = agent.split(['/', ' ', '(']).next().unwrap_or_default();
        let end = name.char_indices().nth(40).map_or(name.len(), |(at, _)| at);
        Some(&name[..end]).filter(|name| !name.is_empty())
    };
    match (browser, find(&SYSTEMS)) {
        (Some(browser), Some(system)) => lang.fill(
            "sessions-device",
            &[("browser", browser.into()), ("system", system.into())],
        ),
        (Some(name), None) | (None, Some(name)) => name.to_owned(),
        (None, None) => lang.text("sessions-unknown"),
    }
}

/// `1.2 GB of 50 GB used`.
pub(crate) fn quota(lang: Lang, me: &Me) -> String {
    lang.fill(
        "quota",
        &[
            ("used", bytes(me.used_bytes).into()),
            ("quota", bytes(me.quota_bytes).into()),
        ],
    )
}

/// A video in a list.
#[derive(Clone, Debug)]
pub(crate) struct Card {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) owner: String,
    pub(crate) poster: Option<String>,
    /// The poster's smaller pictures, as `srcset` names them; empty where there are none.
    pub(crate) srcset: String,
    pub(crate) storyboard: Option<String>,
    pub(crate) length: Option<String>,
    pub(crate) views: String,
    pub(crate) when: When,
}

impl Card {
    pub(crate) fn new(lang: Lang, now: Timestamp, video: &Video) -> Self {
        Self {
            id: video.id.to_string(),
            title: video.title.clone(),
            owner: video.owner.clone(),
            // Withdrawn with everything else; the address would only fail.
            poster: video
                .poster
                .clone()
                .filter(|_| video.state != VideoState::Deleted),
            srcset: srcset(video),
            storyboard: video.storyboard.clone().filter(|_| video.state.plays()),
            length: video.duration.map(length),
            views: views(lang, video.views),
            when: When::new(lang, now, video.published_at.unwrap_or(video.created_at)),
        }
    }
}

fn srcset(video: &Video) -> String {
    let Some(poster) = &video.poster else {
        return String::new();
    };
    let sizes = video.poster_widths.iter();
    let named = sizes.map(|width| format!("{poster}?w={width} {width}w"));
    named.collect::<Vec<_>>().join(", ")
}

/// `1.2K views`.
pub(crate) fn views(lang: Lang, n: u64) -> String {
    lang.count("views", n, &count(lang, n))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_poster_is_offered_in_the_sizes_that_it_has() {
        let mut video = crate::fixtures::video(virga_core::video::VideoState::Ready);
        let two = "/media/x/poster.jpg?w=320 320w, /media/x/poster.jpg?w=640 640w";
        assert_eq!(srcset(&video), two);
        video.poster_widths.clear();
        assert_eq!(srcset(&video), "");
    }

    #[test]
    fn values_read_as_people_write_them() {
        assert_eq!(length(3723.4), "1:02:03");
        assert_eq!(length(65.0), "1:05");
        assert_eq!(length(79.5), "1:19");
        assert_eq!(length(79.9999), "1:20");
        assert_eq!(length(f64::NAN), "0:00");
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(1_234_567_890), "1.2 GB");
        assert_eq!(bytes(150_000), "150 kB");
        assert_eq!(bytes(u64::MAX), "18446 PB");
        assert_eq!(count(Lang::En, 12_345), "12.3K");
        assert_eq!(count(Lang::ZhCn, 12_345), "1.2 万");
        assert_eq!(views(Lang::ZhCn, 12_345), "1.2 万次播放");
        assert_eq!(count(Lang::En, 2_000_000), "2M");
    }

    #[test]
    fn a_device_has_the_name_of_its_browser_and_system() {
        let chrome = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36";
        assert_eq!(device(Lang::En, chrome), "Chrome on Windows");
        assert_eq!(device(Lang::ZhCn, chrome), "Windows 上的 Chrome");
        let edge = format!("{chrome} Edg/131.0.0.0");
        assert_eq!(device(Lang::En, &edge), "Edge on Windows");
        let phone = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1";
        assert_eq!(device(Lang::En, phone), "Safari on iPhone");
        let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0";
        assert_eq!(device(Lang::En, firefox), "Firefox on Linux");
        assert_eq!(device(Lang::En, "curl/8.5.0"), "curl");
        assert_eq!(device(Lang::En, "Mozilla/5.0"), "Unknown device");
        assert_eq!(device(Lang::ZhCn, ""), "未知设备");
        assert_eq!(device(Lang::En, &"云".repeat(90)), "云".repeat(40));
    }

    #[test]
    fn ages_count_in_the_largest_unit() {
        let then = Timestamp::from_seconds(1_000_000);
        let after = |seconds| ago(Lang::En, then.plus(Duration::from_secs(seconds)), then);
        assert_eq!(after(5), "just now");
        assert_eq!(after(61), "1 minute ago");
        assert_eq!(after(7200), "2 hours ago");
        assert_eq!(after(86_400 * 45), "1 month ago");
        assert_eq!(after(86_400 * 800), "2 years ago");
        assert_eq!(date(Lang::En, then), "12 January 1970");
        assert_eq!(date(Lang::ZhCn, then), "1970 年 1 月 12 日");
    }
}
