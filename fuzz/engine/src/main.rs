//! libFuzzer, which keeps what reaches new code. The target is named by `VIRGA_FUZZ_TARGET`.
#![no_main]

use std::sync::OnceLock;
use virga_fuzz::Target;

static TARGET: OnceLock<Target> = OnceLock::new();

fn chosen() -> Target {
    #[expect(clippy::disallowed_methods, reason = "libFuzzer owns the arguments")]
    let name = std::env::var("VIRGA_FUZZ_TARGET").unwrap_or_default();
    Target::named(&name).unwrap_or_else(|| panic!("there is no target {name:?}"))
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| TARGET.get_or_init(chosen).check(bytes));
