//! Plans: what they tell, and when they hold.

use lepton_ipam::SubnetSpec;
use lepton_types::{HostReport, Port};

use super::*;
use crate::{
    AllocateForInstance, CreateNetworks, DeallocateForInstance, LeaseFixedIp, NetworkSpec, ReleaseFixedIp,
    ReportHost, Scope, UndoAllocation,
    example::{allocation, deallocation, decided, host, network, requested, with_network, without_agents},
};

fn request<C: Command>() -> PlannedRequest {
    PlannedRequest::of::<C>("nova", b"body")
}

fn plan_of<C: Command + Clone>(ledger: &mut View, command: &C) -> (C::Answer, Plan) {
    let number = ledger.changes().len();
    let planned = PlanOf { command: command.clone(), request: request::<C>() };
    let before = ledger.changes().to_vec();
    let told = ledger.rehearse(number, |ledger| planned.decide(ledger)).unwrap();
    assert_eq!(ledger.changes(), before, "a plan changes nothing");
    told
}

fn apply<C: Command + Clone>(ledger: &mut View, command: &C, plan: PlanHash) -> Result<C::Answer, Refusal> {
    decided(ledger, &ApplyPlan { command: command.clone(), request: request::<C>(), plan })
}

/// The rows of a plan, as short words: `+port` and what it says by name.
fn words(plan: &Plan) -> Vec<String> {
    let mark = |row: &PlannedRow| match (row.is_before, row.is_after) {
        (false, _) => '+',
        (true, true) => '~',
        (true, false) => '-',
    };
    plan.rows.iter().map(|row| format!("{}{}", mark(row), row.kind)).collect()
}

fn said<'p>(plan: &'p Plan, kind: &str, name: &str) -> &'p PlannedField {
    let row = plan.rows.iter().find(|row| row.kind == kind).expect("there is such a row");
    row.fields.iter().find(|field| field.name == name).expect("it says so")
}

fn text(text: &str) -> Option<PlannedValue> {
    Some(PlannedValue::Text(text.to_owned()))
}

#[test]
fn an_allocation_is_told_row_by_row_and_done_just_so() {
    let (mut ledger, made) = with_network(&["10.1.0.0/24", "fd00::/64"]);
    let (foretold, plan) = plan_of(&mut ledger, &allocation(1, vec![]));
    assert_eq!(words(&plan), ["+instance", "+port", "+fixed_ip", "+fixed_ip"]);
    let vif = &foretold.vifs[0];
    assert_eq!(plan.rows[1].key, vif.id.to_string());
    assert_eq!(said(&plan, "port", "mac").after, text(&vif.mac.to_string()));
    assert_eq!(said(&plan, "port", "network_id").after, text(&made.network.id.to_string()));
    let address = format!("10.1.0.2 in {}", made.subnets[0].id);
    assert!(plan.rows[2..].iter().any(|row| row.key == address), "{:?}", plan.rows);
    assert_eq!(said(&plan, "instance", "created_at").after, Some(PlannedValue::Later(Duration::ZERO)));

    let [planned] = &plan.hosts[..] else { panic!("{:?}", plan.hosts) };
    assert_eq!((&planned.host, planned.is_registered, &*planned.before), (&host(), true, &[][..]));
    let [port] = &planned.after[..] else { panic!("{:?}", planned.after) };
    assert_eq!((port.id, port.mac, &port.bridge), (vif.id, vif.mac, &made.network.bridge()));
    assert_eq!(port.addresses.len(), 2);

    ledger.go_on_at(ledger.now().after(Duration::from_secs(60)));
    assert_eq!(apply(&mut ledger, &allocation(1, vec![]), plan.hash), Ok(foretold));
}

#[test]
fn an_end_is_told_with_what_it_leaves_behind() {
    let spec =
        SubnetSpec { quarantine: Duration::from_secs(60), ..SubnetSpec::new("10.1.0.0/24".parse().unwrap()) };
    let spec = NetworkSpec { subnets: vec![spec], ..network("private", &[]) };
    let mut ledger = without_agents();
    decided(&mut ledger, &CreateNetworks { networks: vec![spec], scope: Scope::Everything }).unwrap();
    let port = decided(&mut ledger, &allocation(1, vec![])).unwrap().vifs[0].id;
    let (_, plan) = plan_of(&mut ledger, &deallocation(1));
    assert_eq!(words(&plan), ["-instance", "-port", "~fixed_ip"]);
    assert_eq!(
        said(&plan, "fixed_ip", "port_id"),
        &PlannedField { name: "port_id".into(), before: text(&port.to_string()), after: None }
    );
    let rests = said(&plan, "fixed_ip", "resting_until");
    assert_eq!((&rests.before, &rests.after), (&None, &Some(PlannedValue::Later(Duration::from_secs(60)))));
    assert_eq!(plan.hosts, [], "its host's agent has never been there");
}

#[test]
fn another_port_of_the_network_shows_that_the_bridge_is_there() {
    let (mut ledger, made) = with_network(&["10.1.0.0/24"]);
    let other = decided(&mut ledger, &network_of(&["10.2.0.0/24"])).unwrap()[0].network.id;
    let first = decided(&mut ledger, &allocation(1, vec![requested(made.network.id, &[])])).unwrap();
    decided(&mut ledger, &allocation(2, vec![requested(made.network.id, &[])])).unwrap();
    decided(&mut ledger, &allocation(3, vec![requested(other, &[])])).unwrap();
    let ids = |ports: &[HostPort]| ports.iter().map(|port| port.id).collect::<Vec<_>>();

    let (_, plan) = plan_of(&mut ledger, &deallocation(1));
    let [planned] = &plan.hosts[..] else { panic!("{:?}", plan.hosts) };
    assert_eq!(planned.released, [first.vifs[0].id]);
    assert_eq!((planned.before.len(), planned.after.len()), (2, 1));
    assert_eq!(
        ids(&planned.after)[..],
        ids(&planned.before).into_iter().filter(|id| *id != first.vifs[0].id).collect::<Vec<_>>()
    );

    let (_, plan) = plan_of(&mut ledger, &deallocation(3));
    let [planned] = &plan.hosts[..] else { panic!("{:?}", plan.hosts) };
    assert_eq!((planned.before.len(), planned.after.len()), (1, 0), "it is the last of its network");
}

fn network_of(cidrs: &[&str]) -> CreateNetworks {
    CreateNetworks { networks: vec![network("other", cidrs)], scope: Scope::Everything }
}

#[test]
fn what_would_be_something_else_by_now_is_refused() {
    let (mut ledger, made) = with_network(&["10.1.0.0/24"]);
    let wanted = allocation(1, vec![]);
    let (_, plan) = plan_of(&mut ledger, &wanted);
    let changed = Err(Refusal::PlanChanged { plan: plan.hash });
    // Its address is another one's.
    decided(&mut ledger, &allocation(2, vec![])).unwrap();
    let before = ledger.changes().len();
    assert_eq!(apply(&mut ledger, &wanted, plan.hash), changed);
    assert_eq!(ledger.changes().len(), before);

    // What others do elsewhere on the host does not matter.
    let (foretold, plan) = plan_of(&mut ledger, &wanted);
    let elsewhere = decided(&mut ledger, &network_of(&["10.2.0.0/24"])).unwrap()[0].network.id;
    let named =
        |ledger: &mut View, number, id| decided(ledger, &allocation(number, vec![requested(id, &[])]));
    named(&mut ledger, 3, elsewhere).unwrap();
    // A network that everybody gets is one that this instance gets, too.
    assert_eq!(apply(&mut ledger, &wanted, plan.hash), Err(Refusal::PlanChanged { plan: plan.hash }));
    let wanted = AllocateForInstance { networks: vec![requested(made.network.id, &[])], ..wanted };
    let (again, plan) = plan_of(&mut ledger, &wanted);
    named(&mut ledger, 4, elsewhere).unwrap();
    assert_eq!(again.vifs[0].network.subnets, foretold.vifs[0].network.subnets);
    assert_eq!(apply(&mut ledger, &wanted, plan.hash), Ok(again));
}

#[test]
fn neighbours_come_and_go_and_the_plan_holds_as_long_as_there_are_some() {
    let (mut ledger, made) = with_network(&["10.1.0.0/24"]);
    let network = made.network.id;
    let come = |ledger: &mut View, number| {
        decided(ledger, &allocation(number, vec![requested(network, &[])])).unwrap()
    };
    come(&mut ledger, 1);
    come(&mut ledger, 2);
    let (_, plan) = plan_of(&mut ledger, &deallocation(1));
    for number in 3..20 {
        come(&mut ledger, number);
    }
    decided(&mut ledger, &deallocation(2)).unwrap();
    let mut alone = ledger.clone();
    apply(&mut ledger, &deallocation(1), plan.hash).unwrap();
    for number in 3..20 {
        decided(&mut alone, &deallocation(number)).unwrap();
    }
    let changed = Err(Refusal::PlanChanged { plan: plan.hash });
    assert_eq!(apply(&mut alone, &deallocation(1), plan.hash), changed, "now the bridge goes, too");
}

/// The hash is its request's id: another one would be carried out once more.
#[test]
fn a_hash_of_which_anything_was_changed_is_no_plans() {
    let (mut ledger, _) = with_network(&["10.1.0.0/24"]);
    decided(&mut ledger, &allocation(1, vec![])).unwrap();
    let (_, plan) = plan_of(&mut ledger, &deallocation(1));
    let text = plan.hash.to_string();
    for place in [15, 31, 63] {
        let digit = if &text[place..=place] == "0" { "1" } else { "0" };
        let other: PlanHash = format!("{}{digit}{}", &text[..place], &text[place + 1..]).parse().unwrap();
        assert_eq!(apply(&mut ledger, &deallocation(1), other), Err(Refusal::PlanChanged { plan: other }));
    }
    apply(&mut ledger, &deallocation(1), plan.hash).unwrap();
}

/// How long it still rests becomes less while it does, and when it began to rest does not.
#[test]
fn what_follows_from_a_moment_that_is_past_is_told_as_a_moment() {
    let spec = SubnetSpec {
        quarantine: Duration::from_secs(600),
        ..SubnetSpec::new("10.1.0.0/24".parse().unwrap())
    };
    let mut ledger = without_agents();
    let networks = vec![NetworkSpec { subnets: vec![spec], ..network("private", &[]) }];
    decided(&mut ledger, &CreateNetworks { networks, scope: Scope::Everything }).unwrap();
    let mac = decided(&mut ledger, &allocation(1, vec![])).unwrap().vifs[0].mac;
    let (address, lease_time) = ([10, 1, 0, 2].into(), Duration::from_secs(3600));
    decided(&mut ledger, &LeaseFixedIp { address, mac, lease_time, only_on: None }).unwrap();
    decided(&mut ledger, &deallocation(1)).unwrap();
    let since = ledger.now();
    ledger.go_on_at(since.after(Duration::from_secs(60)));
    let release = ReleaseFixedIp { address, mac, only_on: None };
    let (_, plan) = plan_of(&mut ledger, &release);
    let until = since.after(Duration::from_secs(600));
    assert_eq!(said(&plan, "fixed_ip", "resting_until").after, Some(PlannedValue::At(until)));
    ledger.go_on_at(since.after(Duration::from_secs(120)));
    apply(&mut ledger, &release, plan.hash).unwrap();
}

/// Its ports may be there still, with the very ids that the plan has.
#[test]
fn an_allocation_that_was_undone_is_not_done_again_by_its_plan() {
    let (mut ledger, _) = with_network(&["10.1.0.0/24"]);
    let (_, plan) = plan_of(&mut ledger, &allocation(1, vec![]));
    let did = apply(&mut ledger, &allocation(1, vec![]), plan.hash).unwrap();
    let undo =
        UndoAllocation { instance: did.instance, incarnation: did.incarnation, host: host(), request: None };
    decided(&mut ledger, &undo).unwrap();
    let changed = Err(Refusal::PlanChanged { plan: plan.hash });
    assert_eq!(apply(&mut ledger, &allocation(1, vec![]), plan.hash), changed);
    let unplugged =
        HostReport { unplugged: vec![did.vifs[0].id], revision: 9.into(), ..HostReport::default() };
    decided(&mut ledger, &ReportHost { host: host(), report: unplugged }).unwrap();
    assert_eq!(ledger.rows::<Port>().count(), 0);
    assert_eq!(apply(&mut ledger, &allocation(1, vec![]), plan.hash), changed);
}

#[test]
fn a_plan_is_its_callers_and_its_requests_alone() {
    let (mut ledger, _) = with_network(&["10.1.0.0/24"]);
    decided(&mut ledger, &allocation(1, vec![])).unwrap();
    let (_, plan) = plan_of(&mut ledger, &deallocation(1));
    for (caller, body) in [("eve", &b"body"[..]), ("nova", b"another")] {
        let request = PlannedRequest::of::<DeallocateForInstance>(caller, body);
        let other = ApplyPlan { command: deallocation(1), request, plan: plan.hash };
        assert_eq!(decided(&mut ledger, &other), Err(Refusal::PlanChanged { plan: plan.hash }));
    }
    apply(&mut ledger, &deallocation(1), plan.hash).unwrap();
}

#[test]
fn a_plan_expires() {
    let (mut ledger, _) = with_network(&["10.1.0.0/24"]);
    let (foretold, plan) = plan_of(&mut ledger, &allocation(1, vec![]));
    assert_eq!(plan.expires_at, ledger.now().after(PLAN_LIFE));
    let expired = Err(Refusal::PlanExpired { plan: plan.hash });
    let mut late = ledger.clone();
    late.go_on_at(plan.expires_at.after(Duration::from_micros(1)));
    assert_eq!(apply(&mut late, &allocation(1, vec![]), plan.hash), expired);
    let text = plan.hash.to_string();
    let of_tomorrow = format!("{:016x}{}", ledger.now().after(2 * PLAN_AHEAD).micros(), &text[16..]);
    let of_tomorrow = of_tomorrow.parse().unwrap();
    let refused = apply(&mut ledger, &allocation(1, vec![]), of_tomorrow);
    assert_eq!(refused, Err(Refusal::PlanExpired { plan: of_tomorrow }));
    ledger.go_on_at(plan.expires_at);
    assert_eq!(apply(&mut ledger, &allocation(1, vec![]), plan.hash), Ok(foretold));
}

#[test]
fn what_the_call_is_refused_for_is_told_for_its_plan_too() {
    let (mut ledger, _) = with_network(&["10.1.0.0/30"]);
    decided(&mut ledger, &allocation(1, vec![])).unwrap();
    let planned = PlanOf { command: allocation(2, vec![]), request: request::<AllocateForInstance>() };
    let told = decided(&mut ledger, &planned).map(|(_, plan)| plan.hash);
    assert!(matches!(told, Err(Refusal::NoMoreFixedIps { .. })), "{told:?}");
}
