//! Pure: the inventory as tables and as CSV.

use super::Row;
use super::owner::Drift;
use crate::cli::balancer::ShownListener;
use crate::cli::table::Table;

/// A row for each, with its account where there are several.
pub(super) fn table(rows: &[Row], wide: bool, accounts: bool) -> String {
    let mut header = vec!["REGION", "NAME", "OWNER", "DRIFT", "IN-SERVICE", "LISTENERS"];
    if accounts {
        header.insert(0, "ACCOUNT");
    }
    if wide {
        header.extend(["CLUSTER", "DNS-NAME", "SCHEME", "VPC", "CREATED"]);
    }
    header.push("FINDINGS");
    let mut table = Table::new(&header);
    for row in rows {
        let mut cells = cells(row, wide);
        if accounts {
            cells.insert(0, row.account.clone().unwrap_or_default());
        }
        table.row(cells);
    }
    table.render(0)
}

fn cells(row: &Row, wide: bool) -> Vec<String> {
    let shown = &row.balancer;
    let mut cells = vec![
        shown.region.clone(),
        shown.name.clone(),
        row.owner.short(),
        row.drift.as_ref().map(Drift::short).unwrap_or_default(),
        shown.summary(),
        shown.listeners_cell(wide),
    ];
    if wide {
        cells.extend([
            row.owner.cluster.clone().unwrap_or_default(),
            shown.dns_name.clone().unwrap_or_default(),
            shown.scheme.to_owned(),
            shown.vpc_id.clone().unwrap_or_default(),
            shown.created_time.clone().unwrap_or_default(),
        ]);
    }
    cells.push(row.findings.join("; "));
    cells
}

/// With a header, as RFC 4180 has it.
pub(super) fn csv(rows: &[Row]) -> String {
    let header = [
        "region",
        "name",
        "ownerKind",
        "owner",
        "cluster",
        "inService",
        "registered",
        "listeners",
        "dnsName",
        "scheme",
        "vpcId",
        "createdTime",
        "drift",
        "findings",
        "account",
    ];
    let mut text = header.join(",") + "\r\n";
    for row in rows {
        let shown = &row.balancer;
        let listeners: Vec<String> = shown.listeners.iter().map(ShownListener::short).collect();
        let fields = [
            shown.region.clone(),
            shown.name.clone(),
            row.owner.kind.to_owned(),
            row.owner.name.clone().unwrap_or_default(),
            row.owner.cluster.clone().unwrap_or_default(),
            shown.in_service.map(|count| count.to_string()).unwrap_or_default(),
            shown.registered.to_string(),
            listeners.join(" "),
            shown.dns_name.clone().unwrap_or_default(),
            shown.scheme.to_owned(),
            shown.vpc_id.clone().unwrap_or_default(),
            shown.created_time.clone().unwrap_or_default(),
            row.drift.as_ref().map(Drift::short).unwrap_or_default(),
            row.findings.join("; "),
            row.account.clone().unwrap_or_default(),
        ];
        text.push_str(&fields.map(|field| quoted(&field)).join(","));
        text.push_str("\r\n");
    }
    text
}

/// Quoted where it must be. A table program would take a text that begins like a formula for one.
fn quoted(field: &str) -> String {
    let field = if field.starts_with(['=', '+', '-', '@']) {
        format!("'{field}")
    } else {
        field.to_owned()
    };
    if field.contains(['"', ',', '\r', '\n']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_where_they_must_be() {
        assert_eq!(quoted("web"), "web");
        assert_eq!(quoted("a,b"), "\"a,b\"");
        assert_eq!(quoted("a \"b\""), "\"a \"\"b\"\"\"");
        assert_eq!(quoted("=1+1"), "'=1+1");
    }
}
