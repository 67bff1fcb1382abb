//! What audits look at: parts of subnets, counters with what they count, and who had an address at last.
//!
//! Whoever is to mend what is found holds the lock of the row that all others lock who change the same, a block's or a counter's,
//! before the rest is read: what it reads then is as they have left it.

use std::net::IpAddr;

use lepton_ledger::{
    Block, Counted, CountedBlock, CountedQuota, CountedRange, FixedIp, Frontier, LastHolder, PoolLook,
    PoolSpan, View, Which,
};
use lepton_types::{
    Amounts, FloatingIp, FloatingRange, PortId, ProjectId, Quota, Subnet, SubnetId, Timestamp,
};
use uuid::Uuid;

use super::{
    fixed_ips::fixed_ip_columns, floating_ips::floating_ip_columns, floating_ranges, quotas,
    subnets::subnet_columns,
};
use crate::{
    engine::Tx,
    error::StoreError,
    failure::Failure,
    sql::{Row, Value, address_bytes},
    table::Stored,
};

/// Behind every address of any family.
const BEHIND_ALL: [u8; 17] = [u8::MAX; 17];

/// Looks at a part of a subnet: its blocks first, under their locks.
pub(crate) async fn load_pool(tx: &mut Tx, span: PoolSpan, view: &mut View) -> Result<(), Failure> {
    const BLOCKS: &str = "select subnet_id, first, taken, free from blocks
         where subnet_id = $1 and first between $2 and $3 order by first limit $4 {lock}";
    const FIXED: &str = concat!(
        "select ",
        fixed_ip_columns!(),
        " from fixed_ips where subnet_id = $1 and address between $2 and $3 order by address limit $4"
    );
    const FLOATING: &str = concat!(
        "select ",
        floating_ip_columns!(),
        " from floating_ips where subnet_id = $1 and address between $2 and $3 order by address limit $4"
    );
    let values = |limit: u16| -> Vec<Value> {
        let from = span.from.map_or_else(Vec::new, address_bytes);
        let until = span.until.map_or_else(|| BEHIND_ALL.to_vec(), address_bytes);
        vec![span.subnet.as_uuid().into(), from.into(), until.into(), i64::from(limit).into()]
    };
    let mut blocks = Vec::new();
    for row in &tx.fetch(BLOCKS, values(span.blocks.saturating_add(1))).await? {
        let mut columns = row.columns();
        let block = Block::read(&mut columns)?;
        view.load(block.clone());
        blocks.push(CountedBlock { block, free: columns.number()? });
    }
    let Some((subnet, label, is_range)) = subnet(tx, span.subnet).await? else { return Ok(()) };
    let frontier = frontier(tx, span.subnet).await?;
    let (fixed_ips, mut floating_ips) = (tx.fetch(FIXED, values(span.rows())).await?, Vec::new());
    if is_range {
        floating_ips = tx.fetch(FLOATING, values(span.rows())).await?;
    }
    let (fixed_ips, floating_ips) = (read::<FixedIp>(&fixed_ips)?, read::<FloatingIp>(&floating_ips)?);
    let mut look = PoolLook { subnet, label, is_range, frontier, blocks, fixed_ips, floating_ips, end: None };
    look.cut_to(&span);
    view.note_pool_look(span, look);
    Ok(())
}

fn read<R: Stored>(rows: &[Row]) -> Result<Vec<R>, StoreError> {
    rows.iter().map(|row| R::read(&mut row.columns())).collect()
}

/// A subnet, its network's label, and whether it is a range of floating IPs.
async fn subnet(tx: &mut Tx, id: SubnetId) -> Result<Option<(Subnet, String, bool)>, Failure> {
    const SUBNET: &str = concat!("select ", subnet_columns!(), " from subnets where id = $1");
    const LABEL: &str = "select label from networks where id = $1";
    const RANGE: &str = "select subnet_id from floating_ranges where subnet_id = $1";
    let found = tx.fetch(SUBNET, vec![id.as_uuid().into()]).await?;
    let Some(subnet) = read::<Subnet>(&found)?.pop() else { return Ok(None) };
    let label = tx.fetch(LABEL, vec![subnet.network.as_uuid().into()]).await?;
    let label = label.first().map(|row| row.columns().get::<String>()).transpose()?;
    let is_range = !tx.fetch(RANGE, vec![id.as_uuid().into()]).await?.is_empty();
    Ok(Some((subnet, label.unwrap_or_default(), is_range)))
}

async fn frontier(tx: &mut Tx, subnet: SubnetId) -> Result<Option<Frontier>, Failure> {
    const SQL: &str = "select subnet_id, next from frontiers where subnet_id = $1";
    let found = tx.fetch(SQL, vec![subnet.as_uuid().into()]).await?;
    Ok(read::<Frontier>(&found)?.pop())
}

/// Counts ranges of floating IPs again. Whoever gets or gives back an address of a range has the range's lock.
pub(crate) async fn load_ranges(
    tx: &mut Tx,
    which: &Which<SubnetId>,
    view: &mut View,
) -> Result<(), Failure> {
    const PAGE: &str =
        "select subnet_id from floating_ranges where subnet_id > $1 order by subnet_id limit $2";
    const COUNT: &str = "select count(*) from floating_ips where subnet_id = $1";
    let ids = match which {
        Which::One(id) => vec![*id],
        Which::Page { after, limit } => {
            let after = after.map_or(Uuid::nil(), SubnetId::as_uuid);
            let found = tx.fetch(PAGE, vec![after.into(), i64::from(*limit).into()]).await?;
            found.iter().map(|row| row.columns().id()).collect::<Result<Vec<SubnetId>, _>>()?
        }
    };
    floating_ranges::load(tx, &ids, view).await?;
    let mut ranges = Vec::<CountedRange>::with_capacity(ids.len());
    for id in ids {
        let Some(row) = view.row::<FloatingRange>(&id).cloned() else { continue };
        ranges.push(Counted { row, counted: count(tx, COUNT, id.as_uuid().into()).await? });
    }
    view.note_counted_ranges(which.clone(), ranges);
    Ok(())
}

/// Counts quotas again, with their locks: nobody commits what a quota counts without having had it.
pub(crate) async fn load_quotas(
    tx: &mut Tx,
    which: &Which<ProjectId>,
    view: &mut View,
) -> Result<(), Failure> {
    const PAGE: &str = "select project_id from quotas where project_id > $1 order by project_id limit $2";
    let projects = match which {
        Which::One(project) => vec![project.clone()],
        Which::Page { after, limit } => {
            let after = after.as_ref().map_or("", ProjectId::as_str);
            let found = tx.fetch(PAGE, vec![after.into(), i64::from(*limit).into()]).await?;
            found.iter().map(|row| row.columns().parsed()).collect::<Result<Vec<ProjectId>, _>>()?
        }
    };
    quotas::load_to_count(tx, &projects, view).await?;
    let mut found = Vec::<CountedQuota>::with_capacity(projects.len());
    for project in projects {
        let Some(row) = view.row::<Quota>(&project).cloned() else { continue };
        found.push(Counted { row, counted: amounts(tx, &project).await? });
    }
    view.note_counted_quotas(which.clone(), found);
    Ok(())
}

/// How many rows a project has. Pools of floating IPs are nobody's.
async fn amounts(tx: &mut Tx, project: &ProjectId) -> Result<Amounts<u64>, Failure> {
    const NETWORKS: &str = "select count(*) from networks where project_id = $1 and not is_external";
    const PORTS: &str = "select count(*) from ports where project_id = $1";
    const FIXED_IPS: &str = "select count(*) from ports join fixed_ips on fixed_ips.port_id = ports.id
         where ports.project_id = $1";
    const FLOATING_IPS: &str = "select count(*) from floating_ips where project_id = $1";
    let project = || Value::from(project.as_str());
    Ok(Amounts {
        networks: count(tx, NETWORKS, project()).await?,
        ports: count(tx, PORTS, project()).await?,
        fixed_ips: count(tx, FIXED_IPS, project()).await?,
        floating_ips: count(tx, FLOATING_IPS, project()).await?,
    })
}

async fn count(tx: &mut Tx, sql: &'static str, of: Value) -> Result<u64, Failure> {
    let found = tx.fetch(sql, vec![of]).await?;
    Ok(found.first().map_or(Ok(0), |row| row.columns().number())?)
}

/// Asks the history who had an address at last.
pub(crate) async fn load_last_holder(
    tx: &mut Tx,
    subnet: SubnetId,
    address: IpAddr,
    is_floating: bool,
    view: &mut View,
) -> Result<(), Failure> {
    const FIXED: &str = "select port_id, since, ended_at from fixed_ip_history
         where address = $1 and subnet_id = $2 order by ended_at desc limit 1";
    const FLOATING: &str = "select port_id, since, ended_at from floating_ip_history
         where address = $1 and subnet_id = $2 order by ended_at desc limit 1";
    let sql = if is_floating { FLOATING } else { FIXED };
    let found = tx.fetch(sql, vec![address.into(), subnet.as_uuid().into()]).await?;
    if let Some(row) = found.first() {
        let mut columns = row.columns();
        let port = columns.get::<Option<Uuid>>()?.map(PortId::from);
        let [since, ended_at] = [columns.get::<i64>()?, columns.get()?].map(Timestamp::from);
        view.note_last_holder(subnet, address, LastHolder { port, since, ended_at, awaited: None });
    }
    Ok(())
}
