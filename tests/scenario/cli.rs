//! The command line from end to end, in this process except where a process is what is tested.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread::JoinHandle;
use std::time::Duration;

use fleetglass::cli::{self, Io, Stop, Surroundings};
use fleetglass::clock::Clock;
use fleetglass::report;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::sync::watch;

/// How long anything may take here: many times what it takes on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// What a command left behind.
#[derive(Debug)]
struct Ran {
    code: u8,
    out: String,
    err: String,
}

impl Ran {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }
}

/// An environment with a home of its own and nothing else.
fn around(home: &Path) -> Surroundings {
    let vars = [("HOME", home.as_os_str()), ("PATH", "/usr/bin:/bin".as_ref()), ("LANG", "C.UTF-8".as_ref())];
    Surroundings {
        vars: vars
            .into_iter()
            .map(|(k, v)| (OsString::from(k), OsString::from(v)))
            .collect::<BTreeMap<_, _>>(),
        cwd: home.to_path_buf(),
        config_dir: Some(home.join(".config/fleetglass")),
        clock: Clock::system(),
        ..Surroundings::default()
    }
}

/// Nobody stops it.
fn never() -> Stop {
    Stop::Given(watch::channel(None).1)
}

fn run_with(around: Surroundings, args: &[&str], stdin: &str) -> Ran {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let args = std::iter::once("fleetglass").chain(args.iter().copied()).map(OsString::from).collect();
    let io = Io { stdout: &mut out, stderr: &mut err, stdin: &mut stdin.as_bytes(), around, stop: never() };
    let code = cli::main(args, io);
    Ran { code, out: String::from_utf8(out).unwrap(), err: String::from_utf8(err).unwrap() }
}

fn run(home: &Path, args: &[&str]) -> Ran {
    run_with(around(home), args, "")
}

/// `demo --serve` on a thread, which is a fleet to ask.
struct Served {
    dir: tempfile::TempDir,
    stop: watch::Sender<Option<u8>>,
    thread: Option<JoinHandle<u8>>,
}

impl Served {
    fn start(clusters: &str, seed: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (stop, stopped) = watch::channel(None);
        let (mut lines, told) = Lines::new();
        let home = dir.path().to_path_buf();
        let args =
            ["fleetglass", "demo", "--serve", "fleet", "--no-hubs", "--clusters", clusters, "--seed", seed];
        let args: Vec<OsString> = args.into_iter().map(OsString::from).collect();
        let thread = std::thread::spawn(move || {
            let io = Io {
                stdout: &mut lines,
                stderr: &mut io::sink(),
                stdin: &mut io::empty(),
                around: around(&home),
                stop: Stop::Given(stopped),
            };
            cli::main(args, io)
        });
        let served = Self { dir, stop, thread: Some(thread) };
        let line = told.recv_timeout(PATIENCE).unwrap();
        let path = served.kubeconfig();
        assert_eq!(line, format!("ready: {clusters} clusters, kubeconfig {}", path.display()));
        served
    }

    fn kubeconfig(&self) -> PathBuf {
        self.dir.path().join("fleet/kubeconfig")
    }

    fn home(&self) -> &Path {
        self.dir.path()
    }

    fn run(&self, args: &[&str]) -> Ran {
        self.run_with(args, "")
    }

    fn run_with(&self, args: &[&str], stdin: &str) -> Ran {
        let kubeconfig = self.kubeconfig();
        let mut all = args.to_vec();
        all.extend(["--kubeconfig", kubeconfig.to_str().unwrap()]);
        run_with(around(self.home()), &all, stdin)
    }

    fn end(mut self) -> u8 {
        self.stop.send_replace(Some(143));
        self.thread.take().unwrap().join().unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.stop.send_replace(Some(143));
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

/// A stream whose lines can be waited for.
struct Lines {
    line: Vec<u8>,
    tell: SyncSender<String>,
}

impl Lines {
    fn new() -> (Self, Receiver<String>) {
        let (tell, told) = mpsc::sync_channel(100_000);
        (Self { line: Vec::new(), tell }, told)
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for byte in bytes {
            if *byte == b'\n' {
                let line = String::from_utf8(std::mem::take(&mut self.line)).unwrap();
                self.tell.send(line).map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
            } else {
                self.line.push(*byte);
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A pipe that nobody reads any more.
struct Gone;

impl Write for Gone {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Two entries of which the second cannot be used.
const HALF_BAD: &str = r#"apiVersion: v1
kind: Config
clusters:
- name: good
  cluster:
    server: https://10.255.255.1:6443
- name: bad
  cluster:
    server: "ftp://10.0.0.1"
users:
- name: ana
  user:
    token: s3cr3t-t0k3n
contexts:
- name: prod-good
  context: { cluster: good, user: ana }
- name: dev-bad
  context: { cluster: bad, user: ana }
"#;

fn home_with(kubeconfig: &str) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join(".kube")).unwrap();
    std::fs::write(home.path().join(".kube/config"), kubeconfig).unwrap();
    home
}

fn schema_of(kind: &str) -> jsonschema::Validator {
    let path = format!("{}/docs/schema/{kind}.json", env!("CARGO_MANIFEST_DIR"));
    let schema: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    jsonschema::validator_for(&schema).unwrap()
}

#[test]
fn mistakes_on_the_command_line_are_told_and_exit_with_2() {
    let home = home_with(HALF_BAD);
    for (args, told) in [
        (&["bogus"][..], "unrecognized subcommand"),
        (&["status", "--nope"], "unexpected argument '--nope'"),
        (&["status", "-o", "xml"], "possible values: table, wide, json, yaml, name, csv, ndjson, sarif"),
        (&["status", "--json=name,stat"], "Did you mean `state`? One of: id, name, class"),
        (&["status", "--jq", ".items["], "where: --jq, column"),
        (&["status", "--jq", ".", "-o", "yaml"], "--jq works on JSON only"),
        (&["status", "--columns", "name,versoin"], "Did you mean `version`?"),
        (&["status", "--sort-by", "colour"], "One of: class, state, name"),
        (&["status", "-q", "class=prod verison=1"], "where: --query, column 12"),
        (&["status", "-l", "a in ("], "where: --selector"),
        (&["status", "--timeout", "10"], "500ms, 10s, 5m or 2h"),
        (&["status", "--no-contact", "-c", "prod-goo"], "Did you mean `prod-good`?"),
        (&["status", "-w", "-o", "json"], "-o ndjson"),
        (&["status", "--color", "mauve"], "One of: auto, always"),
        (&["status", "--theme", "default-drak"], "Did you mean `default-dark`?"),
        (&["status", "--config", "/nowhere/config.toml"], "where: /nowhere/config.toml"),
        (&["versions", "--columns", "name"], "--json=name,state"),
        (&["events", "--no-contact"], "events come from clusters"),
        (&["doctor", "-o", "name"], "are not clusters"),
        (&["schema", "FleetStats"], "Did you mean `FleetStatus`?"),
        (&["tui"], "the console needs a terminal"),
        (&["demo", "--clusters", "0"], "0 is not in 1..=2000"),
        (&["status", "-o", "sarif"], "fleetglass check -o sarif"),
        (&["check", "--fleet", "none.yaml"], "none.yaml"),
        (&["classes", "show", "prdo", "--no-contact"], "Did you mean `prod`?"),
        (&["sources", "show", "~/.kube/confg"], "Did you mean `~/.kube/config`?"),
        (&["clusters", "class", "prod-good", "prd"], "Did you mean `prod`?"),
        (&["clusters", "label", "prod-good", "team"], "KEY=VALUE"),
        (&["clusters", "forget", "prod-good"], "is still there"),
        (&["clusters", "split", "~/.kube/config:prod-goo"], "Did you mean `~/.kube/config:prod-good`?"),
        (&["clusters", "export", "--format", "ansible", "--with-credentials"], "only a kubeconfig"),
        (&["decisions", "list", "-o", "name"], "are not clusters"),
    ] {
        let ran = run(home.path(), args);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{args:?}: {ran:?}");
        assert!(ran.err.contains(told), "{args:?}: {}", ran.err);
    }
}

#[test]
fn a_bad_entry_is_told_with_its_line_and_the_good_ones_are_printed() {
    let home = home_with(HALF_BAD);
    let ran = run(home.path(), &["status", "--no-contact"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.out.contains("prod-good  prod   NEW"), "{}", ran.out);
    let place = format!("error: {}/.kube/config:9", home.path().display());
    assert!(ran.err.lines().any(|l| l.starts_with(&place)), "{}", ran.err);
    assert!(!format!("{ran:?}").contains("s3cr3t"), "a token is never shown");
    let document = run(home.path(), &["status", "--no-contact", "--json"]).json();
    assert_eq!(document["query"]["total"], 2);
    assert_eq!(document["problems"][0]["line"], 9, "{}", document["problems"]);
    assert!(schema_of("FleetStatus").is_valid(&document));
    let doctor = run(home.path(), &["doctor"]);
    assert_eq!(doctor.code, 1, "{doctor:?}");
    assert!(doctor.out.contains("2 clusters, 1 of them cannot be used"), "{}", doctor.out);
}

#[test]
fn sources_are_listed_in_every_shape() {
    let home = home_with(HALF_BAD);
    let table = run(home.path(), &["sources", "list", "--non-interactive"]);
    assert_eq!(table.code, 0, "{table:?}");
    let words: Vec<&str> = table.out.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(words[..5], ["~/.kube/config", "kubeconfig", "2", "1", "1"], "{table:?}");
    let document = run(home.path(), &["sources", "list", "--json"]).json();
    assert!(schema_of("SourceList").is_valid(&document), "{document}");
    let picked = run(home.path(), &["sources", "list", "--json=name,errors"]).json();
    assert_eq!(picked[0]["errors"], 1);
    assert!(run(home.path(), &["sources", "list", "-o", "csv"]).out.starts_with("source,kind,clusters"));
    assert_eq!(run(home.path(), &["sources", "list", "--exit-code"]).code, 1);
    assert_eq!(run(home.path(), &["sources", "list", "-o", "name"]).code, 2);
    assert!(run(home.path(), &["help", "sources", "list"]).out.contains("contacts no cluster"));
}

#[test]
fn clusters_are_exported_and_never_overwrite_anything() {
    let home = home_with(HALF_BAD);
    let run = |args: &[&str]| run(home.path(), args);
    let kubeconfig = ["clusters", "export", "--format", "kubeconfig", "--no-contact"];
    let plain = run(&kubeconfig);
    assert_eq!(plain.code, 0, "{plain:?}");
    assert!(!format!("{plain:?}").contains("s3cr3t"), "{plain:?}");
    assert!(plain.err.contains("--with-credentials includes them"), "{plain:?}");
    let full = run(&[&kubeconfig[..], &["--with-credentials", "--to", "out.yaml"]].concat());
    assert_eq!((full.code, full.out.as_str()), (0, ""), "{full:?}");
    let again = run(&["status", "--no-contact", "--kubeconfig", "out.yaml", "--json=name"]);
    assert_eq!(again.json().as_array().unwrap().len(), 2, "{again:?}");
    let twice = run(&[&kubeconfig[..], &["--to", "out.yaml"]].concat());
    assert_eq!(twice.code, 2, "{twice:?}");
    assert!(std::fs::read_to_string(home.path().join("out.yaml")).unwrap().contains("s3cr3t"));
    for format in ["ansible", "file-sd", "clusterprofile"] {
        let ran = run(&["clusters", "export", "--format", format, "--no-contact", "-c", "prod-good"]);
        assert!(ran.code == 0 && ran.out.contains("prod-good"), "{ran:?}");
    }
}

/// Names, servers and labels of all clusters.
fn told(ran: &Ran) -> Vec<(String, Value, Value)> {
    let items = ran.json();
    let item = |i: &Value| (i["name"].as_str().unwrap().to_owned(), i["server"].clone(), i["labels"].clone());
    items["items"].as_array().unwrap().iter().map(item).collect()
}

#[test]
fn what_was_exported_is_read_back_as_the_same_clusters() {
    let home = home_with(HALF_BAD);
    // Labels that a person sets are kept.
    let run = |args: &[&str]| {
        let state_dir = Some(home.path().join("state"));
        run_with(Surroundings { state_dir, ..around(home.path()) }, args, "")
    };
    let list =
        |more: &[&str]| told(&run(&[&["clusters", "list", "-o", "json", "--no-contact"], more].concat()));
    assert_eq!(run(&["clusters", "label", "prod-good", "team=pay", "tier=1.30", "--no-contact"]).code, 0);
    let before = list(&[]);
    assert_eq!(before[0].2, serde_json::json!({"team": "pay", "tier": "1.30"}), "{before:?}");
    let export = |format: &str, to: &str| {
        let ran = run(&["clusters", "export", "--no-contact", "--format", format, "--to", to]);
        assert_eq!(ran.code, 0, "{ran:?}");
        std::fs::read_to_string(home.path().join(to)).unwrap()
    };

    export("ansible", "inventory.yaml");
    std::fs::write(home.path().join("none"), "{apiVersion: v1, kind: Config}").unwrap();
    let fleet = "apiVersion: fleetglass.dev/v1alpha1\nkind: Fleet\nmetadata: {name: x}\n\
                 spec: {sources: [{name: inv, kind: ansible, path: inventory.yaml}]}\n";
    std::fs::write(home.path().join("fleet.yaml"), fleet).unwrap();
    let read = list(&["--fleet", "fleet.yaml", "--kubeconfig", "none", "--no-memory"]);
    assert_eq!(read.len(), before.len(), "{read:?}");
    for (name, server, labels) in &before {
        let (_, other_server, other_labels) = read.iter().find(|(n, ..)| n == name).unwrap();
        assert_eq!(other_server, server, "{name}");
        // The group and the class of the host are labels besides.
        for (key, value) in labels.as_object().unwrap() {
            assert_eq!(&other_labels[key], value, "{name}");
        }
    }

    export("kubeconfig", "exported");
    let read = list(&["--kubeconfig", "exported"]);
    let same = |rows: &[(String, Value, Value)]| -> Vec<_> {
        rows.iter().map(|(name, server, _)| (name.clone(), server.clone())).collect()
    };
    assert_eq!(same(&read), same(&before));

    let groups: Value = serde_json::from_str(&export("file-sd", "targets.json")).unwrap();
    let good = groups.as_array().unwrap().iter().find(|g| g["labels"]["cluster"] == "prod-good").unwrap();
    assert_eq!(good["targets"], serde_json::json!(["10.255.255.1:6443"]), "{groups}");
}

#[test]
fn a_row_is_found_by_what_its_sources_call_it() {
    let home = home_with(HALF_BAD);
    let run = |args: &[&str]| run(home.path(), args);
    let copy = "{apiVersion: v1, kind: Config, clusters: [{name: c, cluster: {server: 'https://10.255.255.1:6443'}}],\
                users: [], contexts: [{name: admin, context: {cluster: c}}, {name: dev-bad, context: {cluster: c}}]}";
    std::fs::write(home.path().join("copy"), copy).unwrap();
    let both = ["--kubeconfig", ".kube/config", "--kubeconfig", "copy", "--no-contact", "--json=name"];
    let find = |name: &str| run(&[&["clusters", "list", "-c", name], &both[..]].concat());
    let path = home.path().join("copy");
    for name in ["prod-good", "admin", "~/copy:admin", &format!("{}:admin", path.display())] {
        let ran = find(name);
        if ran.code == 0 {
            assert_eq!(ran.json(), serde_json::json!([{"name": "prod-good"}]), "{name}");
        } else {
            assert!(name.ends_with("copy:admin"), "{name}: {ran:?}");
        }
    }
    // A row's own name goes before what others are called in files.
    assert_eq!(find("dev-bad").json(), serde_json::json!([{"name": "dev-bad"}]));
    let none = find("~/copy:nobody");
    assert!(none.code == 2 && none.err.contains("there is no cluster"), "{none:?}");
}

#[test]
fn a_fleet_file_is_drafted_once_and_checked() {
    let home = home_with(HALF_BAD);
    let run = |args: &[&str]| run(home.path(), args);
    let draft = run(&["init", "--no-contact"]);
    assert!(draft.code == 0 && draft.out.contains("kind: Fleet"), "{draft:?}");
    assert_eq!(run(&["init", "--no-contact", "--write", "fleet.yaml"]).code, 0);
    assert_eq!(run(&["init", "--no-contact", "--write", "fleet.yaml"]).code, 2, "never overwritten");
    let valid = run(&["config", "validate", "fleet.yaml"]);
    assert_eq!((valid.code, valid.err.as_str()), (0, ""), "{valid:?}");
    std::fs::write(home.path().join("broken.yaml"), "kind: [").unwrap();
    let broken = run(&["config", "validate", "broken.yaml"]);
    assert!(broken.code == 2 && broken.err.contains("broken.yaml:1"), "{broken:?}");
    let explained = run(&["classes", "explain", "prod-good", "--no-contact", "--fleet", "fleet.yaml"]);
    assert!(explained.out.starts_with("prod-good is prod ("), "{explained:?}");
}

#[test]
fn a_kuberc_decides_which_plugins_run() {
    let home = home_with(
        "clusters:\n- name: c\n  cluster: {server: 'https://127.0.0.1:9'}\nusers:\n- name: u\n  user:\n    exec:\n      \
         apiVersion: client.authentication.k8s.io/v1\n      command: sh\n      interactiveMode: Never\ncontexts:\n\
         - name: dev-1\n  context: {cluster: c, user: u}\n",
    );
    let kuberc = |policy: &str| {
        let text = format!("apiVersion: kubectl.config.k8s.io/v1beta1\nkind: Preference\n{policy}\n");
        std::fs::write(home.path().join(".kube/kuberc"), text).unwrap();
        (run(home.path(), &["doctor", "--json"]), run(home.path(), &["status"]))
    };
    let (doctor, status) = kuberc("credentialPluginPolicy: DenyAll");
    assert_eq!(doctor.code, 1, "{doctor:?}");
    assert!(doctor.out.contains("the kuberc forbids it"), "{}", doctor.out);
    assert!(status.out.contains("not allowed by credentialPluginPolicy"), "{status:?}");
    let (doctor, status) = kuberc("credentialPluginPolicy: denyall");
    let place = format!("{}/.kube/kuberc:3:1", home.path().display());
    assert!(status.err.contains(&format!("error: {place}")), "{status:?}");
    assert!(status.err.contains("no credential plugin is run"), "{status:?}");
    assert!(status.out.contains("not allowed by credentialPluginPolicy"), "{status:?}");
    assert_eq!((doctor.code, &doctor.json()["healthy"]), (1, &Value::Bool(false)));
    let allow = "credentialPluginPolicy: Allowlist\ncredentialPluginAllowlist: [{name: sh}]";
    let (doctor, status) = kuberc(allow);
    assert_eq!(doctor.code, 0, "{doctor:?}");
    assert!(!status.out.contains("not allowed") && status.err.contains("EXEC"), "{status:?}");
    let mut off = around(home.path());
    kuberc("credentialPluginPolicy: denyall");
    off.vars.insert("KUBERC".into(), "off".into());
    assert_eq!(run_with(off, &["doctor"], "").code, 0);
}

#[test]
fn tables_are_cut_to_a_terminal_and_never_in_a_pipe() {
    let home = home_with(HALF_BAD);
    let args = ["status", "--no-contact", "--no-headers", "--color", "never", "-c", "dev-bad"];
    let mut narrow = around(home.path());
    narrow.stdout_columns = Some(80);
    narrow.vars.insert("TERM".into(), "xterm".into());
    let full = run_with(narrow.clone(), &args, "").out;
    narrow.stdout_is_terminal = true;
    let cut = run_with(narrow.clone(), &args, "").out;
    assert!(cut.trim_end().ends_with('…') && cut.chars().count() < full.chars().count(), "{cut}{full}");
    assert!(full.starts_with(cut.trim_end().trim_end_matches('…')), "{cut}{full}");
    let ascii = run_with(narrow, &[&args[..], &["--ascii"]].concat(), "").out;
    assert!(ascii.trim_end().ends_with("..."), "{ascii}");
}

#[test]
fn the_console_takes_a_selection_but_no_shape() {
    let home = home_with(HALF_BAD);
    let mut terminal = around(home.path());
    terminal.vars.insert("TERM".into(), "xterm".into());
    (terminal.stdin_is_terminal, terminal.stdout_is_terminal) = (true, true);
    for (args, told) in [
        (&["tui", "-q", "class=prod verison=1"][..], "where: --query, column 12"),
        (&["-q", "verison=1"], "where: --query, column 1"),
        (&["-c", "-"], "names"),
        (&["tui", "--json"], "the console does not take this flag"),
        (&["demo", "--clusters", "1", "--sort-by", "name"], "where: --sort-by"),
    ] {
        let ran = run_with(terminal.clone(), args, "");
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{args:?}: {ran:?}");
        assert!(ran.err.contains(told), "{args:?}: {}", ran.err);
    }
}

#[test]
fn without_clusters_it_says_where_it_looked() {
    let home = tempfile::tempdir().unwrap();
    let ran = run(home.path(), &[]);
    assert_eq!((ran.code, ran.out.as_str()), (0, ""));
    assert!(
        ran.err.contains("$KUBECONFIG: not set") && ran.err.contains("~/.kube/config: not there"),
        "{}",
        ran.err
    );
    let ran = run(home.path(), &["status", "--kubeconfig", "missing.yaml"]);
    assert_eq!(ran.code, 2, "a file that was asked for is not there: {ran:?}");
    assert!(ran.err.contains("missing.yaml") && ran.err.contains("does not exist"), "{}", ran.err);
}

#[test]
fn the_configuration_is_shown_and_checked_with_lines() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join(".config/fleetglass");
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join("config.toml"), "color = \"never\"\nthem = \"x\"\n").unwrap();
    let path = run(home.path(), &["config", "path"]);
    assert_eq!(path.out.trim(), dir.join("config.toml").to_str().unwrap());
    let print = run(home.path(), &["config", "print"]);
    assert!(print.out.contains(&format!("color = \"never\"  # {}:1", path.out.trim())), "{}", print.out);
    assert!(print.out.contains("side_pane = \"auto\"  # default"), "{}", print.out);
    let validate = run(home.path(), &["config", "validate"]);
    assert_eq!(validate.code, 2);
    assert!(
        validate.err.contains("config.toml:2:1: them") && validate.err.contains("`theme`"),
        "{}",
        validate.err
    );
    std::fs::write(home.path().join("fine.toml"), "theme = \"mono\"\n").unwrap();
    let fine = run(home.path(), &["config", "validate", "fine.toml"]);
    assert_eq!((fine.code, fine.err.as_str()), (0, ""));
    assert!(run(home.path(), &["config", "schema"]).json()["properties"]["theme"].is_object());
    // The same file warns on the way to other things, and stops nothing.
    let status = run(home.path(), &["status", "--no-contact"]);
    assert_eq!(status.code, 0);
    assert!(status.err.contains("config.toml:2:1"), "{}", status.err);
}

#[test]
fn what_the_program_knows_of_itself_is_printed() {
    let home = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| run(home.path(), args);
    assert_eq!(run(&["version"]).out, format!("fleetglass {}\n", env!("CARGO_PKG_VERSION")));
    let kinds = run(&["schema"]).out;
    let kinds: Vec<&str> = kinds.lines().collect();
    assert_eq!(kinds[..report::KINDS.len()], report::KINDS);
    for kind in ["Fleet", "Class", "Cluster", "WaveStrategy", "Bundle"] {
        assert!(kinds.contains(&kind), "{kind}");
        let schema = run(&["schema", kind]).json();
        assert!(jsonschema::validator_for(&schema).is_ok(), "{kind}");
    }
    assert_eq!(run(&["schema", "eventlist"]).json()["properties"]["kind"]["const"], "EventList");
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert!(run(&["completions", shell]).out.contains("fleetglass"), "{shell}");
    }
    assert!(run(&["man"]).out.contains(".TH fleetglass 1"));
    assert_eq!(run(&["man", "pages"]).code, 0);
    assert!(home.path().join("pages/fleetglass-clusters-show.1").is_file());
    let help = run(&["--help"]);
    assert_eq!((help.code, help.err.as_str()), (0, ""));
}

#[test]
fn every_document_of_a_live_fleet_is_valid_by_its_schema() {
    let fleet = Served::start("12", "7");
    let name = fleet.run(&["status", "--no-contact", "--jq", ".items[0].name"]).out.trim().to_owned();
    for (args, kind) in [
        (&["status", "--json"][..], "FleetStatus"),
        (&["status", "-o", "json", "-q", "class=prod"], "FleetStatus"),
        (&["clusters", "list", "-o", "json"], "ClusterList"),
        (&["clusters", "show", &name, "-o", "json"], "ClusterDetail"),
        (&["versions", "--by", "region", "-o", "json"], "VersionMatrix"),
        (&["events", "--type", "all", "-o", "json"], "EventList"),
        (&["doctor", "-o", "json"], "DoctorReport"),
        (&["check", "-o", "json"], "CheckReport"),
        (&["classes", "list", "-o", "json"], "ClassList"),
        (&["classes", "explain", &name, "-o", "json"], "ClassExplain"),
        (&["clusters", "merges", "-o", "json"], "MergeReview"),
        (&["versions", "--blocked", "--timeout", "3s", "-o", "json"], "OutlookList"),
        (&["sources", "scan", "-o", "json"], "SourceScan"),
        (&["decisions", "list", "-o", "json"], "DecisionList"),
    ] {
        let ran = fleet.run(args);
        let document = ran.json();
        assert_eq!(document["kind"], kind);
        let faults: Vec<_> = schema_of(kind).iter_errors(&document).map(|e| e.to_string()).collect();
        assert!(faults.is_empty(), "{args:?}: {faults:?}");
        assert!(!ran.out.contains('\u{1b}'), "{args:?}");
    }
    let show = fleet.run(&["clusters", "show", &name, "-o", "json"]).json();
    assert_eq!(show["nodes"]["state"], "ready", "{show}");
    let rows = show["nodes"]["items"].as_array().unwrap().len();
    assert_eq!(show["item"]["nodes"]["total"], rows);
    let text = fleet.run(&["clusters", "show", &name]);
    assert!(
        text.out.contains("Control plane:  ok") || text.out.contains("Control plane:  DEGRADED"),
        "{}",
        text.out
    );
    assert_eq!(fleet.end(), 143);
}

#[test]
fn a_fleet_in_trouble_is_printed_whole_and_the_exit_codes_say_so_where_asked() {
    let fleet = Served::start("40", "7");
    let status = fleet.run(&["status", "--json"]);
    assert_eq!(status.code, 0, "dead rows are data");
    let document = status.json();
    assert_eq!(document["query"]["matched"], 40);
    assert_eq!(document["partial"], true);
    let errors = document["errors"].as_array().unwrap();
    let told = status.err.lines().filter(|l| l.starts_with("cluster ")).count();
    assert_eq!(told, errors.len(), "one line for each cluster that cannot be read: {}", status.err);
    let states = &document["summary"]["states"];
    assert!(
        states["AUTH"].as_u64() > Some(0)
            && states["DOWN"].as_u64() > Some(0)
            && states["OK"].as_u64() > Some(0),
        "{states}"
    );
    assert_eq!(fleet.run(&["status", "--exit-code", "--quiet"]).code, 1);
    let sound = fleet.run(&["status", "--exit-code", "-q", "state=OK"]);
    assert_eq!(sound.code, 0, "{sound:?}");
    let events = fleet.run(&["events", "--no-headers"]);
    assert_eq!(events.code, 3, "some clusters could not be read: {}", events.err);
    assert!(events.out.lines().count() > 0);
    assert_eq!(fleet.run(&["events", "--partial-ok", "-o", "name"]).code, 0);
    let signed_out = fleet.run(&["status", "-q", "state=AUTH", "-o", "name"]).out;
    let auth = fleet.run_with(&["events", "-c", "-"], &signed_out);
    assert_eq!(auth.code, 4, "a sign-in would fix all of them: {auth:?}");
}

#[test]
fn output_is_what_scripts_expect() {
    let fleet = Served::start("12", "3");
    let names = fleet.run(&["status", "-o", "name", "--no-contact"]).out;
    assert_eq!(names.lines().count(), 12);
    assert!(names.lines().all(|l| l.starts_with("cluster/")), "{names}");
    let picked = names.lines().skip(3).take(2).collect::<Vec<_>>().join("\n") + "\n";
    let again = fleet.run_with(&["status", "--no-contact", "-o", "name", "-c", "-"], &picked);
    assert_eq!(again.out, picked, "names go out and come in");
    let bare = fleet.run(&["status", "--no-contact", "--json=state,name", "--jq", "map(.state) | unique"]);
    assert_eq!(bare.out, "[\"NEW\"]\n");
    let lines = fleet.run(&["status", "--no-contact", "-o", "ndjson"]).out;
    assert!(lines.lines().all(|l| serde_json::from_str::<Value>(l).unwrap()["name"].is_string()));
    let csv = fleet.run(&["status", "--no-contact", "-o", "csv", "--columns", "name,state"]).out;
    assert_eq!(csv.lines().next(), Some("cluster,state"));
    assert_eq!(csv.lines().count(), 13);
    let yaml = fleet.run(&["clusters", "list", "--no-contact", "-o", "yaml"]).out;
    assert!(yaml.starts_with("apiVersion: fleetglass.dev/v1alpha1\nkind: ClusterList\n"), "{yaml}");
    let plain = fleet.run(&["status", "--no-contact", "--no-headers"]).out;
    assert_eq!(plain.lines().count(), 12);
    assert!(!plain.contains('\u{1b}'));
    assert!(fleet.run(&["status", "--no-contact", "--color", "always"]).out.contains('\u{1b}'));
    let one = fleet.run(&["status", "--no-contact", "--context", "no-such-*"]);
    assert!(one.err.contains("no-such-*"), "{one:?}");
    let mut seen = around(fleet.home());
    let first = names.lines().next().and_then(|l| l.strip_prefix("cluster/")).unwrap();
    seen.vars.insert("KUBECONFIG".into(), fleet.kubeconfig().into());
    let time =
        run_with(seen, &["status", first, "--columns", "seen", "--no-headers", "--time-format", "unix"], "");
    assert!(time.out.trim() == "-" || time.out.trim().parse::<i64>().is_ok(), "{time:?}");
}

#[test]
fn a_reader_that_has_gone_ends_the_command_without_a_word() {
    let home =
        home_with(HALF_BAD.replace("- name: dev-bad\n  context: { cluster: bad, user: ana }\n", "").as_str());
    for args in [
        &["status", "--no-contact", "--quiet"][..],
        &["schema", "FleetStatus"],
        &["completions", "bash"],
        &["--help"],
    ] {
        let mut err = Vec::new();
        let args: Vec<OsString> =
            std::iter::once("fleetglass").chain(args.iter().copied()).map(OsString::from).collect();
        let io = Io {
            stdout: &mut Gone,
            stderr: &mut err,
            stdin: &mut io::empty(),
            around: around(home.path()),
            stop: never(),
        };
        assert_eq!(cli::main(args.clone(), io), 0, "{args:?}");
        assert_eq!(String::from_utf8(err).unwrap(), "", "{args:?}");
    }
}

#[test]
fn a_watch_begins_with_a_snapshot_and_ends_when_told() {
    let fleet = Served::start("12", "7");
    let (stop, stopped) = watch::channel(None);
    let (mut lines, told) = Lines::new();
    let (home, kubeconfig) = (fleet.home().to_path_buf(), fleet.kubeconfig());
    let args = ["fleetglass", "status", "-w", "-o", "ndjson", "--interval", "50ms", "--kubeconfig"];
    let args = args.into_iter().map(OsString::from).chain([kubeconfig.into_os_string()]).collect();
    let watching = std::thread::spawn(move || {
        let io = Io {
            stdout: &mut lines,
            stderr: &mut io::sink(),
            stdin: &mut io::empty(),
            around: around(&home),
            stop: Stop::Given(stopped),
        };
        cli::main(args, io)
    });
    let schema = schema_of("StatusEvent");
    let next = || -> Value {
        let line: Value = serde_json::from_str(&told.recv_timeout(PATIENCE).unwrap()).unwrap();
        assert!(schema.is_valid(&line), "{line}");
        line
    };
    let snapshot = next();
    assert_eq!(snapshot["type"], "snapshot");
    assert_eq!(snapshot["items"].as_array().map(Vec::len), Some(12));
    stop.send_replace(Some(130));
    let end = loop {
        let line = next();
        if line["type"] == "end" {
            break line;
        }
    };
    assert_eq!(end["reason"], "interrupted");
    assert_eq!(watching.join().unwrap(), 130);
    let short = fleet.run(&["status", "-w", "--timeout", "5s", "--no-headers", "-c", "-"]);
    assert_eq!(short.code, 2, "no names on standard input: {short:?}");
    let short = fleet.run(&["clusters", "list", "-w", "-o", "ndjson", "--timeout", "3s"]);
    assert_eq!(short.code, 0);
    assert_eq!(
        serde_json::from_str::<Value>(short.out.lines().last().unwrap()).unwrap()["reason"],
        "timeout"
    );
}

#[test]
fn the_demo_without_a_terminal_is_the_status_of_its_fleet() {
    let home = tempfile::tempdir().unwrap();
    let ran = run(home.path(), &["demo", "--clusters", "6", "--no-hubs", "--json"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let document = ran.json();
    assert_eq!(document["query"]["total"], 6);
    let file = document["items"][0]["sources"][0]["file"].as_str().unwrap();
    assert!(!Path::new(file).exists(), "{file} is left behind");
}

/// The program as a process.
fn spawn(home: &Path, args: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_fleetglass"))
        .args(args)
        .env_clear()
        .env("HOME", home)
        .current_dir(home)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn end(child: &mut Child, signal: Signal) -> Option<i32> {
    let pid = Pid::from_child(child);
    kill_process(pid, signal).unwrap();
    let (clock, began) = (Clock::system(), Clock::system().tick());
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        assert!(clock.tick() - began < PATIENCE, "still there after {signal:?}");
        std::thread::yield_now();
    }
}

#[test]
fn signals_end_commands_with_their_code() {
    let home = tempfile::tempdir().unwrap();
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let mut served = spawn(home.path(), &["demo", "--serve", "fleet", "--clusters", "4", "--no-hubs"]);
        let mut out = BufReader::new(served.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        assert!(line.starts_with("ready: 4 clusters, kubeconfig /"), "{line}");
        // One that watches, with a reader that does not read.
        let args = ["status", "-w", "-o", "ndjson", "--kubeconfig", "fleet/kubeconfig"];
        let mut watching = spawn(home.path(), &args);
        let mut first = BufReader::new(watching.stdout.take().unwrap());
        let mut snapshot = String::new();
        first.read_line(&mut snapshot).unwrap();
        assert!(snapshot.starts_with("{\"type\":\"snapshot\""), "{snapshot}");
        assert_eq!(end(&mut watching, signal), Some(code));
        assert_eq!(end(&mut served, signal), Some(code));
        let mut rest = String::new();
        out.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "", "one line on standard output and no more");
    }
}

#[test]
fn the_demo_in_a_terminal_is_the_console_and_leaves_nothing_behind() {
    let home = tempfile::tempdir().unwrap();
    let (mut terminal, pts) = pty_process::blocking::open().unwrap();
    terminal.resize(pty_process::Size::new(36, 120)).unwrap();
    let mut console = pty_process::blocking::Command::new(env!("CARGO_BIN_EXE_fleetglass"))
        .args(["demo", "--clusters", "4", "--no-hubs"])
        .env_clear()
        .envs([("TERM", "xterm-256color"), ("LANG", "C.UTF-8")])
        .envs([("HOME", home.path()), ("TMPDIR", home.path())])
        .spawn(pts)
        .unwrap();
    let (rows, columns) = (NonZero::new(36).unwrap(), NonZero::new(120).unwrap());
    let (mut screen, mut chunk) = (vt100::Parser::new(rows, columns, 0), vec![0; 65536]);
    let mut wait_for = |what: &str, terminal: &mut pty_process::blocking::Pty| {
        let clock = Clock::system();
        let began = clock.tick();
        while !screen.screen().contents().contains(what) {
            assert!(clock.tick() - began < PATIENCE, "no {what:?} on\n{}", screen.screen().contents());
            let read = terminal.read(&mut chunk).unwrap();
            screen.process(&chunk[..read]);
        }
    };
    wait_for("seen 4/4", &mut terminal);
    assert!(std::fs::read_dir(home.path()).unwrap().count() > 0, "the kubeconfig is in TMPDIR");
    terminal.write_all(b"q").unwrap();
    wait_for("q again", &mut terminal);
    terminal.write_all(b"q").unwrap();
    // Reading on keeps the console from waiting for the terminal; the end of the process is the end of the stream.
    while terminal.read(&mut chunk).is_ok_and(|read| read > 0) {}
    assert!(console.wait().unwrap().success());
    let left: Vec<_> = std::fs::read_dir(home.path()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}
