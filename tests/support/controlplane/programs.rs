//! Where the built programs are, and what the environment says about them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The folder with the definitions that hubs serve: `FLEETGLASS_CRDS`, or where the script put them.
pub fn definitions() -> Result<PathBuf, String> {
    match env("FLEETGLASS_CRDS") {
        Some(dir) => Ok(PathBuf::from(dir)),
        None => ask("tests/controlplane/crds.sh"),
    }
}

/// The folder with the programs: `FLEETGLASS_CONTROLPLANE_BIN`, or where the build script put them.
pub fn programs() -> Result<PathBuf, String> {
    if let Some(bin) = env("FLEETGLASS_CONTROLPLANE_BIN") {
        let bin = PathBuf::from(bin);
        let missing = ["etcd", "kubectl"].into_iter().find(|name| !bin.join(name).is_file());
        return match missing {
            Some(name) => {
                Err(format!("FLEETGLASS_CONTROLPLANE_BIN is {}, which has no {name}", bin.display()))
            }
            None => Ok(bin),
        };
    }
    ask("tests/controlplane/build.sh")
}

/// Where a script put what it makes.
fn ask(script: &str) -> Result<PathBuf, String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(script);
    let output = Command::new(&script)
        .arg("--where")
        .stdin(Stdio::null())
        .output()
        .map_err(|why| format!("cannot run {}: {why}", script.display()))?;
    let words = String::from_utf8_lossy(&output.stdout);
    match words.lines().last() {
        Some(bin) if output.status.success() => Ok(PathBuf::from(bin)),
        _ => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
    }
}

/// The patch levels that were built, newest first.
pub fn patch_levels(bin: &Path) -> Result<Vec<String>, String> {
    let entries = std::fs::read_dir(bin).map_err(|why| format!("cannot read {}: {why}", bin.display()))?;
    let mut versions: Vec<String> = entries
        .filter_map(|entry| {
            entry.ok()?.file_name().to_str()?.strip_prefix("kube-apiserver-").map(str::to_owned)
        })
        .collect();
    let numbers = |version: &String| -> Vec<u32> {
        version.trim_start_matches('v').split('.').map(|part| part.parse().unwrap_or(0)).collect()
    };
    versions.sort_by_key(|version| std::cmp::Reverse(numbers(version)));
    if versions.is_empty() { Err(format!("no kube-apiserver-* in {}", bin.display())) } else { Ok(versions) }
}

/// Tests are told by the environment where the programs are and whether they may be missing.
#[expect(
    clippy::disallowed_methods,
    reason = "the product's rule is that only cli reads the environment; this is no product"
)]
pub fn env(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
