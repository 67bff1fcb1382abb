//! Dry runs that tell what would be done, and `--plan-hash`.

use insta::assert_snapshot;
use lepton_proto::v1::{self as pb, planned_value::Value};
use prost::Message;
use prost_types::{Duration, Timestamp};

use crate::{
    fixtures::{INSTANCE, NETWORK, PORT, private},
    server::Turn,
    terminal::{in_every_format, shown, with_requests},
};

const HASH: &str = "000652ef8a3f2c400123456789abcdef00112233445566778899aabbccddeeff";

fn value(value: Value) -> Option<pb::PlannedValue> {
    Some(pb::PlannedValue { value: Some(value) })
}

fn text(text: &str) -> Option<pb::PlannedValue> {
    value(Value::Text(text.into()))
}

fn field(name: &str, before: Option<pb::PlannedValue>, after: Option<pb::PlannedValue>) -> pb::PlannedField {
    pb::PlannedField { name: name.into(), before, after }
}

fn row(fate: pb::RowFate, kind: &str, key: &str, fields: Vec<pb::PlannedField>) -> pb::PlannedRow {
    pb::PlannedRow { kind: kind.into(), key: key.into(), fate: fate.into(), fields }
}

/// What a server says that an end of an instance would do, and more.
fn plan() -> pb::Plan {
    let made_at = value(Value::At(Timestamp { seconds: 1_767_323_045, nanos: 0 }));
    let rests = value(Value::Later(Duration { seconds: 60, nanos: 0 }));
    pb::Plan {
        hash: HASH.into(),
        expires_at: Some(Timestamp { seconds: 1_767_326_645, nanos: 0 }),
        rows: vec![
            row(
                pb::RowFate::Deleted,
                "instance",
                INSTANCE,
                vec![field("host", text("node-1"), None), field("created_at", made_at, None)],
            ),
            row(
                pb::RowFate::Updated,
                "fixed_ip",
                "10.1.0.5",
                vec![
                    field("state", text("ALLOCATED"), text("RESTING")),
                    field("port_id", text(PORT), None),
                    field("resting_until", None, rests),
                ],
            ),
            row(pb::RowFate::Inserted, "network", NETWORK, vec![field("label", None, text("odd\u{1b}[2J"))]),
        ],
        hosts: vec![
            pb::PlannedHost {
                host: "node-1".into(),
                has_agent: true,
                actions: vec!["unplug tapaaaaaaaa-00".into(), "delete brq11111111-11".into()],
            },
            pb::PlannedHost { host: "node-2".into(), ..pb::PlannedHost::default() },
            pb::PlannedHost { host: "node-3".into(), has_agent: true, actions: vec![] },
        ],
    }
}

fn planned(answer: &impl Message) -> Turn {
    Turn::Planned(answer.encode_to_vec(), plan())
}

#[tokio::test]
async fn a_dry_run_tells_rows_and_what_hosts_do() {
    let arguments = ["instance", "deallocate", INSTANCE, "--dry-run", "--request-id", "r1"];
    let released = pb::DeallocateForInstanceResponse { released_port_ids: vec![PORT.into()] };
    assert_snapshot!(in_every_format(&arguments, || planned(&released)).await);
}

/// Where the instance is may be something else by then, and after the move it is.
#[tokio::test]
async fn a_move_is_done_as_it_was_planned_between_the_hosts_that_the_plan_named() {
    let here = || pb::NetworkInfo {
        instance_id: INSTANCE.into(),
        host: "node-1".into(),
        incarnation: 3,
        ..pb::NetworkInfo::default()
    };
    let migrate = ["instance", "migrate", INSTANCE, "--to", "node-2"];
    let with = |options: &[&'static str]| [&migrate[..], options].concat();
    let planned_here = [here().into(), planned(&here())];
    let mut text = shown(&with(&["--dry-run"]), planned_here).await;
    text += &shown(&with(&["--plan-hash", HASH]), []).await;
    text += &with_requests(&with(&["--from", "node-1", "--plan-hash", HASH]), [here().into()]).await;
    assert_snapshot!(text);
}

#[tokio::test]
async fn what_was_planned_is_done_by_its_hash() {
    let modify = ["network", "modify", NETWORK, "--label", "private", "--plan-hash", HASH];
    let mut text = with_requests(&modify, [private().into()]).await;
    let allocate = ["instance", "allocate", INSTANCE, "--project", "p1", "--plan-hash", HASH];
    let info = pb::NetworkInfo { instance_id: INSTANCE.into(), ..pb::NetworkInfo::default() };
    text += &with_requests(&allocate, [info.into()]).await;
    text += &shown(&[&modify[..], &["--dry-run"]].concat(), []).await;
    // What a dry run was asked for with, it is carried out with.
    text += &with_requests(&[&modify[..], &["--request-id", "r1"]].concat(), [private().into()]).await;
    assert_snapshot!(text);
}
