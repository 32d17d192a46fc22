//! What is done to the site meanwhile: `kill -9` of any of its processes, and stores that are away,
//! slow or silent. One trouble after the other, by the seed's choices.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};
use virga_testkit::{LineFault, Role, Site};

use crate::{ledger::Ledger, options::Choices, stage::Stage};

/// What came of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Done {
    /// Kills by role, and faults by store.
    pub(crate) counts: BTreeMap<String, u64>,
    /// Of each role the most memory (MiB) and open files, as seen.
    pub(crate) most: BTreeMap<&'static str, (u64, u64)>,
}

impl Done {
    fn count(&mut self, what: impl Into<String>) {
        *self.counts.entry(what.into()).or_default() += 1;
    }
}

/// Makes trouble until the traffic is over, then heals everything.
pub(crate) fn make(mut stage: Stage, ledger: &Arc<Ledger>, seed: u64, every: u64) -> (Stage, Done) {
    let mut choices = Choices::of(seed, 1_000_000);
    let mut done = Done::default();
    while !ledger.is_over() {
        let gap = Duration::from_millis(every * (500 + choices.below(1000)));
        let until = Instant::now() + gap;
        while Instant::now() < until && !ledger.is_over() {
            thread::sleep(Duration::from_millis(100));
        }
        look_after(&mut stage, ledger, &mut done);
        if choices.percent(80) {
            kill(&mut stage, &mut choices, &mut done);
        } else {
            spoil_a_store(&mut stage, &mut choices, ledger, &mut done);
        }
    }
    let below = stage.below.iter().flat_map(|below| &below.lines);
    for (_, line) in below {
        line.set(LineFault::None);
    }
    for wrong in stage.wait_ready() {
        ledger.violation(wrong);
    }
    look_after(&mut stage, ledger, &mut done);
    (stage, done)
}

/// Sees what each process takes, and starts those that ended by themselves, which none may.
fn look_after(stage: &mut Stage, ledger: &Ledger, done: &mut Done) {
    let roles = stage.roles.clone();
    for machine in &mut stage.machines {
        for role in &roles {
            if let Some(status) = machine.has_ended(*role) {
                ledger.violation(format!("{} ended by itself: {status}", role.command()));
                machine.launch(*role);
                continue;
            }
            let id = machine.id(*role);
            let files = fs::read_dir(format!("/proc/{id}/fd")).map_or(0, Iterator::count);
            let files = u64::try_from(files).unwrap_or_default();
            let most = done.most.entry(role.command()).or_default();
            most.0 = most.0.max(machine.memory(*role) >> 20);
            most.1 = most.1.max(files);
        }
    }
}

/// Kills one process, or all of a machine, and starts them again at once or a moment later.
fn kill(stage: &mut Stage, choices: &mut Choices, done: &mut Done) {
    // Workers more often than the others: they have the most to lose.
    let by_weight = [
        Role::Dispatcher,
        Role::Dispatcher,
        Role::Dispatcher,
        Role::Api,
        Role::Api,
        Role::Stream,
        Role::Stream,
        Role::Web,
    ];
    let one = choices.one_of(&by_weight).copied().into_iter().collect();
    let chosen = if stage.roles.len() == 1 || choices.percent(12) {
        stage.roles.clone()
    } else {
        one
    };
    let machines = u64::try_from(stage.machines.len()).unwrap_or(1);
    let n = usize::try_from(choices.below(machines)).unwrap_or(0);
    let machine: &mut Site = &mut stage.machines[n];
    for role in &chosen {
        machine.kill(*role);
        done.count(format!("kill {}", role.command()));
    }
    if choices.percent(50) {
        thread::sleep(Duration::from_millis(choices.below(1500)));
    }
    for role in &chosen {
        machine.launch(*role);
    }
}

fn spoil_a_store(stage: &mut Stage, choices: &mut Choices, ledger: &Ledger, done: &mut Done) {
    let lasts = Duration::from_millis(300 + choices.below(3700));
    if let Some(objects) = stage.objects() {
        done.count("objects away");
        take_away(&objects, lasts, ledger);
        return;
    }
    let Some(below) = &mut stage.below else {
        return;
    };
    let fault = match choices.below(3) {
        0 => LineFault::Slow(Duration::from_millis(50 + choices.below(250))),
        1 => LineFault::Frozen,
        _ => LineFault::Cut,
    };
    if choices.percent(15) {
        done.count("redis killed");
        below.redis.kill();
        thread::sleep(lasts);
        below.redis.restart();
    } else if let Some((name, line)) = choices.one_of(&below.lines) {
        let word = match fault {
            LineFault::Slow(_) => "slow",
            LineFault::Frozen => "silent",
            _ => "cut off",
        };
        done.count(format!("{name} {word}"));
        line.set(fault);
        thread::sleep(lasts);
        line.set(LineFault::None);
    }
}

/// As when the disk of the objects is unmounted for a while: an empty folder is left.
fn take_away(objects: &Path, lasts: Duration, ledger: &Ledger) {
    let aside = objects.with_file_name("aside");
    let gone = fs::rename(objects, &aside).and_then(|()| fs::create_dir(objects));
    thread::sleep(lasts);
    // One step, which an empty folder does not mind.
    let mut back = gone.and_then(|()| fs::rename(&aside, objects));
    if back.is_err() {
        // What was written meanwhile would be lost under the mounted disk.
        let strangers = fs::read_dir(objects).into_iter().flatten().flatten();
        let names: Vec<String> = strangers
            .map(|it| it.path().display().to_string())
            .collect();
        ledger.violation(format!("written where the disk was not mounted: {names:?}"));
        back = fs::rename(objects, objects.with_file_name("strangers"))
            .and_then(|()| fs::rename(&aside, objects));
    }
    if let Err(error) = back {
        ledger.violation(format!("{} does not come back: {error}", objects.display()));
    }
}
