//! `lepton audit`: whether what the ledger keeps twice agrees, and repairs of what does not.

use std::{collections::BTreeMap, process::ExitCode};

use lepton_proto::v1 as pb;
use uuid::Uuid;

use crate::{
    client::{Calls, Client},
    error::Error,
    output::{AuditView, FindingView, Outcome, Output},
    settings::Settings,
};

/// `audit`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct AuditOptions {
    /// Mend what is found, as far as it is proven what mends it
    #[arg(long)]
    repair: bool,

    /// With `--repair`: say what would be mended, and do nothing
    #[arg(long, requires = "repair")]
    dry_run: bool,
}

/// Does what the command says; fails when findings are left.
pub(crate) async fn run(
    options: AuditOptions,
    settings: &Settings,
    output: Output,
) -> Result<ExitCode, Error> {
    let client = Client::connect(settings).await?;
    let mut audited = audit(&client).await?;
    if options.repair {
        for finding in audited.findings.iter_mut().filter(|finding| finding.is_repairable()) {
            repair(&client, finding, options.dry_run).await?;
        }
    }
    let left = audited.left();
    if options.dry_run {
        output.remark("Dry run: nothing was changed.");
    }
    output.print(&audited)?;
    output.remark(&audited.summary());
    if !options.repair && audited.findings.iter().any(FindingView::is_repairable) {
        output.remark("`lepton audit --repair` mends what is proven.");
    }
    Ok(if left == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Goes through all pages.
async fn audit(client: &Client) -> Result<AuditView, Error> {
    let (mut page_token, mut findings) = (String::new(), Vec::new());
    let mut subnets: BTreeMap<String, pb::SubnetFigures> = BTreeMap::new();
    let mut looked_at = pb::AuditedCounts::default();
    loop {
        let request = pb::AuditLedgerRequest { page_token };
        let page =
            client.ask(request, async |mut calls, request| calls.audits.audit_ledger(request).await).await?;
        findings.extend(page.findings);
        for part in page.subnets {
            add_part(&mut subnets, part);
        }
        add_counts(&mut looked_at, page.looked_at.unwrap_or_default());
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(AuditView::new(findings, subnets.into_values().collect(), looked_at));
        }
    }
}

fn add_part(subnets: &mut BTreeMap<String, pb::SubnetFigures>, part: pb::SubnetFigures) {
    let Some(sum) = subnets.get_mut(&part.subnet_id) else {
        subnets.insert(part.subnet_id.clone(), part);
        return;
    };
    // There are as many as fit, or more.
    sum.size = sum.size.saturating_add(part.size);
    sum.free = sum.free.saturating_add(part.free);
    sum.held += part.held;
    sum.reserved += part.reserved;
    sum.resting += part.resting;
    sum.floating += part.floating;
    sum.kept += part.kept;
    sum.outside += part.outside;
}

fn add_counts(sum: &mut pb::AuditedCounts, counts: pb::AuditedCounts) {
    sum.subnets += counts.subnets;
    sum.blocks += counts.blocks;
    sum.addresses += counts.addresses;
    sum.ranges += counts.ranges;
    sum.quotas += counts.quotas;
}

/// Asks for the repair of a finding, and notes what became of it. What is not proven stays, and the others have their turn.
async fn repair(client: &Client, finding: &mut FindingView, is_dry_run: bool) -> Result<(), Error> {
    let request = pb::RepairFindingRequest {
        class: finding.class().to_owned(),
        thing: Some(finding.thing()),
        request_id: Uuid::new_v4().to_string(),
        validate_only: is_dry_run,
    };
    let call = async |mut calls: Calls, request| calls.audits.repair_finding(request).await;
    match client.ask(request, call).await {
        Ok(pb::RepairFindingResponse { finding: Some(_) }) if is_dry_run => {
            finding.becomes(Outcome::WouldBeMended)
        }
        Ok(pb::RepairFindingResponse { finding: Some(_) }) => finding.becomes(Outcome::Mended),
        Ok(pb::RepairFindingResponse { finding: None }) => finding.becomes(Outcome::Gone),
        Err(error) if error.has_reason("REPAIR_NOT_PROVEN") => {
            finding.becomes(Outcome::NotProven(error.to_string()));
        }
        Err(error) => return Err(error),
    }
    Ok(())
}
