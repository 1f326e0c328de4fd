//! No alarm on a name that nothing writes, and no signal without an alarm.

use std::collections::{BTreeMap, BTreeSet};

use lambda_kit::telemetry::{Metric, NAMESPACE};

use crate::emitted::{emitted, metric};
use crate::kebab;
use crate::template::{Alarm, alarms, template, text};

/// What is drawn and wakes nobody. It is business as usual, or the sender's mistake and told to the sender.
const FOR_THE_DASHBOARD: [Metric; 5] = [
    Metric::PublishedOutcomes,
    Metric::RejectedDeclines,
    Metric::DeclineConflicts,
    Metric::RefusedTransmissions,
    Metric::TransmissionConflicts,
];

/// Our alarms: program and metric.
fn ours(alarms: &[Alarm]) -> BTreeSet<(String, Metric)> {
    let ours = alarms.iter().filter(|alarm| alarm.namespace == NAMESPACE);
    let pair = |alarm: &Alarm| {
        let dimensions: Vec<_> = alarm.dimensions.iter().collect();
        let [(name, value)] = dimensions.as_slice() else { panic!("{}: {dimensions:?}", alarm.id) };
        assert_eq!(*name, "function", "{}", alarm.id);
        let program = match value.strip_prefix("${AWS::StackName}-") {
            Some(program) => program.to_owned(),
            None => kebab(value.strip_suffix("Function").unwrap_or_else(|| panic!("{}: {value}", alarm.id))),
        };
        (program, metric(&alarm.metric))
    };
    ours.map(pair).collect()
}

#[test]
fn every_alarm_of_ours_stands_on_a_metric_that_its_program_counts() {
    let emitted = emitted();
    let ours = ours(&alarms());
    assert!(ours.len() > 10);
    for (program, metric) in ours {
        let counted = emitted.get(&program).unwrap_or_else(|| panic!("there is no {program}"));
        assert!(counted.contains(&metric), "{program} never counts {metric:?}");
    }
}

#[test]
fn every_metric_that_a_program_counts_has_its_alarm_or_is_for_the_dashboard() {
    let ours = ours(&alarms());
    for (program, metrics) in emitted() {
        for metric in metrics {
            let has_alarm = ours.contains(&(program.clone(), metric));
            let is_drawn = FOR_THE_DASHBOARD.contains(&metric);
            assert!(
                has_alarm != is_drawn,
                "{metric:?} of {program}: alarm {has_alarm}, dashboard only {is_drawn}"
            );
        }
    }
}

/// A metric of AWS's has no code of ours to be found in: its dimension must name something of the template.
#[test]
fn every_alarm_on_a_metric_of_aws_watches_something_of_the_template() {
    let template = template();
    let mut watched: BTreeMap<String, usize> = BTreeMap::new();
    for alarm in alarms().iter().filter(|alarm| alarm.namespace != NAMESPACE) {
        *watched.entry(alarm.namespace.clone()).or_default() += 1;
        let value = alarm.dimensions.values().next().unwrap();
        let resource = value.split('.').next().unwrap();
        let found = &template["Resources"][resource];
        let kind = text(&found["Type"]);
        let expected = match alarm.namespace.as_str() {
            "AWS/SQS" => "AWS::SQS::Queue",
            "AWS/Lambda" => "AWS::Serverless::Function",
            "AWS/ApiGateway" => "AWS::ApiGatewayV2::Api",
            other => panic!("{}: nothing is known of {other}", alarm.id),
        };
        assert_eq!(kind, expected, "{}", alarm.id);
    }
    assert!(watched.len() >= 3, "{watched:?}");
}
