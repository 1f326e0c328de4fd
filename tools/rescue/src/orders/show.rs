//! Orders as people are shown them.

use models::money::{MinorUnits, Money};
use models::view::{OrderSummary, OrderView};

use crate::outcome::table;

/// The words that JSON has for a value of ours.
pub(super) fn word(value: &impl serde::Serialize) -> String {
    let value = serde_json::to_value(value).ok();
    value.and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_else(|| "-".to_owned())
}

fn or_none(text: Option<impl ToString>) -> String {
    text.map_or_else(|| "-".to_owned(), |text| text.to_string())
}

/// An order with its history.
pub(super) fn order(order: &OrderView) -> String {
    let reason = order.reason.as_ref().map(|reason| format!("{}: {}", word(&reason.code), reason.detail));
    let due =
        order.due.as_ref().map(|due| format!("{} ({}, looks {})", due.at, word(&due.reason), due.looks));
    let mut lines = vec![
        format!("order        {}/{}", order.merchant, order.order_id),
        format!("status       {} => {}", order.status, word(&order.instruction)),
        format!("reason       {}", or_none(reason)),
        format!("amount       {}", order.amount),
        format!("declined     {}", order.declined_at),
        format!("received     {}", order.received_at),
        format!("window ends  {}", order.expires_at),
        format!(
            "FlexFactor   {}, confirmation {}",
            or_none(order.provider.order_id.as_ref()),
            or_none(order.provider.confirmation.as_ref())
        ),
        format!("attempts     {}", order.attempts),
        format!("next look    {}", or_none(due)),
        format!("money        {}", money(order)),
    ];
    if let Some(cancel) = &order.cancel {
        let refund =
            cancel.proposed_refund.map(|refund| format!("; proposed refund {refund}")).unwrap_or_default();
        lines.push(format!("cancel       {}, asked for at {}{refund}", word(&cancel.state), cancel.asked_at));
    }
    if let Some(capture) = &order.capture {
        lines.push(format!("capture      {}, asked for at {}", word(&capture.state), capture.asked_at));
    }
    for refund in &order.refunds {
        lines
            .push(format!("refund       {} {} {} {}", refund.id, refund.amount, refund.state, refund.detail));
    }
    let history = order.history.iter().map(|entry| {
        vec![
            entry.version.to_string(),
            entry.at.to_string(),
            format!("{} -> {}", or_none(entry.from), entry.status),
            or_none(entry.reason.map(|reason| word(&reason))),
        ]
    });
    let verified =
        if order.history_verified { "whole and unaltered" } else { "not verified (it lags for a moment)" };
    lines.push(format!(
        "\nhistory, {verified}\n{}",
        table(&["version", "at", "status", "reason"], &history.collect::<Vec<_>>())
    ));
    lines.join("\n")
}

/// What was captured, refunded and may be refunded still.
pub(super) fn money(order: &OrderView) -> String {
    let show = |minor: MinorUnits| Money { minor, currency: order.amount.currency }.to_string();
    let money = &order.money;
    format!(
        "captured {}, refunded {}, reserved {}, refundable {}",
        show(money.captured_minor),
        show(money.refunded_minor),
        show(money.reserved_minor),
        show(money.refundable_minor)
    )
}

/// A list.
pub(super) fn list(orders: &[OrderSummary], cursor: Option<&str>) -> String {
    let cells = |order: &OrderSummary| {
        vec![
            order.order_id.to_string(),
            order.status.to_string(),
            word(&order.instruction),
            order.amount.to_string(),
            order.received_at.to_string(),
            or_none(order.reason.map(|reason| word(&reason))),
        ]
    };
    let rows: Vec<_> = orders.iter().map(cells).collect();
    let headings = ["order", "status", "instruction", "amount", "received", "reason"];
    let more = cursor.map(|cursor| format!("\nthere are more: --cursor {cursor}")).unwrap_or_default();
    match rows.is_empty() {
        true => "no orders".to_owned(),
        false => format!("{}{more}", table(&headings, &rows)),
    }
}
