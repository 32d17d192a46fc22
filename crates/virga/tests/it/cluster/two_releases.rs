//! This tree together with the previous release, which `scripts/earlier` builds: a cluster is updated, one
//! role after the other, and rolled back, while people use it.

use std::path::Path;
use virga_testkit::ROLES;

use super::{Stage, check};
use crate::VIRGA;

/// The program of the earlier release.
const EARLIER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/earlier/virga");

impl Stage {
    /// Changes a machine to another program, one role after the other.
    async fn change(&mut self, machine: usize, program: &str) {
        self.cluster.machines[machine].use_program(program);
        for role in ROLES {
            self.replace(role, machine).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes the program of scripts/earlier: make test-full"]
async fn an_update_and_the_way_back_lose_nothing_and_fail_no_request() {
    assert!(Path::new(EARLIER).is_file(), "run scripts/earlier first");
    let mut stage = Stage::of(EARLIER, "2").await;
    // Once one machine is changed, each role runs together with the same role of the other release.
    for (machine, program) in [(0, VIRGA), (1, VIRGA), (1, EARLIER), (0, EARLIER)] {
        stage.change(machine, program).await;
        stage.wait_ready().await;
    }
    stage.end_traffic().await;
    for program in [EARLIER, VIRGA] {
        // `fsck` is that of the first machine's program.
        stage.cluster.machines[0].use_program(program);
        let found = check::faults(&stage.cluster, &stage.traffic).await;
        assert!(found.is_empty(), "{program}: {found:#?}");
    }
}
