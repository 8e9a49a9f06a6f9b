//! What the scenarios share: a simulated fleet on a thread of its own, so that blocking tests can look at it.

use std::path::PathBuf;

use fleetglass::clock::Clock;
use fleetglass::sim::{self, Blueprint, Sim};
use tempfile::TempDir;

/// A fleet without troubles of its own that does not move by itself.
pub(crate) fn quiet(clusters: usize) -> Blueprint {
    Blueprint { clusters, troubled: false, live: false, ..Blueprint::default() }
}

type Task = Box<dyn FnOnce(&mut Sim) + Send>;

/// A simulated fleet that is being served from a thread of its own until this is dropped.
pub(crate) struct Served {
    tasks: tokio::sync::mpsc::Sender<Task>,
    thread: Option<std::thread::JoinHandle<()>>,
    /// Its kubeconfig.
    pub(crate) kubeconfig: PathBuf,
    /// A folder that goes with it.
    pub(crate) dir: TempDir,
}

impl Served {
    /// Starts serving.
    pub(crate) fn start(blueprint: Blueprint) -> Self {
        let dir = TempDir::new().unwrap();
        let (ready, started) = std::sync::mpsc::sync_channel(1);
        let (tasks, mut wanted) = tokio::sync::mpsc::channel::<Task>(16);
        let folder = dir.path().join("fleet");
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let mut sim = sim::start(blueprint, Clock::system()).await.unwrap();
                ready.send(sim.write(&folder).unwrap()).unwrap();
                while let Some(task) = wanted.recv().await {
                    task(&mut sim);
                }
                sim.stop().await;
            });
        });
        let kubeconfig = started.recv().unwrap();
        Self { tasks, thread: Some(thread), kubeconfig, dir }
    }

    /// Does something with the fleet on its own thread and brings back what came of it.
    pub(crate) fn sim<T: Send + 'static>(&self, task: impl FnOnce(&mut Sim) -> T + Send + 'static) -> T {
        let (done, result) = std::sync::mpsc::sync_channel(1);
        let task: Task = Box::new(move |sim| done.send(task(sim)).unwrap());
        self.tasks.blocking_send(task).ok().unwrap();
        result.recv().unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let (closed, _) = tokio::sync::mpsc::channel(1);
        self.tasks = closed;
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}
