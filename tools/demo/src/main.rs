//! Real orders on their way through the deployed local stack: declines in, 21 days in seconds, and the result held
//! against FlexFactor's own ledger.

mod balance;
mod cast;
mod mail;
mod people;
mod report;
mod screen;

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Parser;
use models::status::Status;
use rig::{Rig, RigOptions};

use cast::{KINDS, ORDERS_DEFAULT, Role};
use mail::Mail;
use people::People;
use report::{Report, Seen, Times};
use screen::Screen;

const DAY_SECONDS: u64 = 86_400;
/// The window and a day for the grace after it.
const DAYS: u64 = 22;
/// How long submissions may take.
const SUBMITTED_MAX: Duration = Duration::from_secs(120);
/// How long the table's stream may take to reach the histories.
const HISTORIES_MAX: Duration = Duration::from_secs(60);
/// How many sweeps may be needed for what is still open at the end.
const LAST_SWEEPS_MAX: usize = 5;

/// Sends orders through the deployed local stack and checks what came of them.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask demo")]
struct Arguments {
    /// Leave the stack running; `cargo xtask down` stops it.
    #[arg(long)]
    keep: bool,
    /// About how many orders; of each kind there is at least one.
    #[arg(long, default_value_t = ORDERS_DEFAULT)]
    orders: usize,
    /// Decides what the simulated FlexFactor does where the scenario leaves it open.
    #[arg(long, default_value_t = 7)]
    seed: u64,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments).await {
        Ok(failures) if failures.is_empty() => {
            println!("\nevery order ended as it had to");
            ExitCode::SUCCESS
        }
        Ok(failures) => {
            eprintln!("\n{} expectations failed:", failures.len());
            for failure in failures {
                eprintln!("  {failure}");
            }
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("\nthe demo could not be run: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs it all; the expectations that failed.
async fn run(arguments: &Arguments) -> Result<Vec<String>> {
    println!(
        "deploying infra/template.yaml on MiniStack, with the sandbox as FlexFactor (seed {})",
        arguments.seed
    );
    let begun = Instant::now();
    // A kept stack has files of its own: another run must not write over them.
    let name = if arguments.keep { "demo-kept" } else { "demo" };
    let mut rig = Rig::up(RigOptions::new(name).keep(arguments.keep).seed(arguments.seed)).await?;
    let to_deploy = begun.elapsed();
    let played = play(&mut rig, arguments, to_deploy).await;
    if arguments.keep {
        print_kept(&rig);
    } else {
        rig.down()?;
    }
    played
}

async fn play(rig: &mut Rig, arguments: &Arguments, to_deploy: Duration) -> Result<Vec<String>> {
    let begun = Instant::now();
    let roles = cast::roles(arguments.orders);
    print_cast(&roles);
    rig.control().put_scenario(&cast::scenario()).await?;
    let mail = mail::write(&roles, rig.now())?;
    let mut screen = Screen::new(mail.good.len());
    submit(rig, &mail, &mut screen).await?;
    let mut people = People::default();
    pass_days(rig, &roles, &mut people, &mut screen).await?;
    // What is not whole by then, the report tells order by order.
    let books = match rig.until_histories_verify(HISTORIES_MAX).await {
        Ok(books) => books,
        Err(_) => rig.books().await?,
    };
    // What was not published by then, the report tells as well.
    let published = match rig.until_all_published(HISTORIES_MAX).await {
        Ok(published) => published,
        Err(_) => rig.published().await?,
    };
    screen.finish();
    println!();
    let balance = balance::strike(rig).await?;
    let times = Times { to_deploy, run: begun.elapsed() };
    let (_, dead_letters) = rig.messages().await?;
    let (ledger, letters) = (rig.ledger().await?, dead_letters);
    let seen = Seen {
        books: &books,
        ledger: &ledger,
        published: &published,
        balance: &balance,
        dead_letters: letters,
    };
    let report = Report::new(&roles, &mail, &people, &seen, &times);
    report.print();
    println!("\n$ rescue balance\n{}", balance.shown.trim_end());
    write_report(&report)?;
    Ok(report.failures)
}

/// Sends everything and waits until every order has been submitted and every bad message is kept.
async fn submit(rig: &Rig, mail: &Mail, screen: &mut Screen) -> Result<()> {
    rig.send(&mail.good).await?;
    let is_waiting =
        |status: Status| matches!(status, Status::Received | Status::Submitting | Status::Unknown);
    rig.until(SUBMITTED_MAX, |books| {
        screen.show("day 0", books);
        let waiting = books.orders.iter().filter(|order| is_waiting(order.status)).count();
        match mail.good.len() - books.orders.len().min(mail.good.len()) {
            0 if waiting == 0 => Ok(()),
            missing => Err(format!("{missing} declines are not stored, {waiting} orders not submitted")),
        }
    })
    .await?;
    // Only now, so that which of two declines under one id came first is not left to the queue.
    rig.send(&mail.rest).await?;
    rig.transmit(&mail.transmissions).await?;
    let kept = mail.conflicts + mail.refused_by.len() + mail.not_transmitted_by.len();
    rig.until(SUBMITTED_MAX, |books| {
        screen.show("day 0", books);
        if books.parked.len() >= kept {
            Ok(())
        } else {
            Err(format!("{} of {kept} are kept", books.parked.len()))
        }
    })
    .await?;
    rig.until_quiet(SUBMITTED_MAX).await?;
    // What has reached FlexFactor is not sent again.
    rig.transmit(&mail.transmissions_again).await?;
    // Until the last repeat has been taken: what comes of it must be in the table by now.
    rig.until_quiet(SUBMITTED_MAX).await
}

/// FlexFactor's days pass, each with its webhooks, what people ask for, and a sweep; what is open at the end is swept once
/// more.
async fn pass_days(rig: &mut Rig, roles: &[Role], people: &mut People, screen: &mut Screen) -> Result<()> {
    for day in 1..=DAYS {
        rig.pass_seconds(DAY_SECONDS).await?;
        people.act(rig, roles, &rig.books().await?, day).await?;
        rig.sweep().await?;
        screen.show(&format!("day {day}"), &rig.books().await?);
    }
    for _ in 0..LAST_SWEEPS_MAX {
        let books = rig.books().await?;
        screen.show(&format!("day {DAYS}"), &books);
        if books.orders.iter().all(|order| order.due.is_none()) {
            break;
        }
        rig.pass_seconds(3_600).await?;
        rig.sweep().await?;
    }
    Ok(())
}

fn print_cast(roles: &[Role]) {
    println!("\n{} orders of two merchants:", roles.len());
    for kind in KINDS {
        let count = roles.iter().filter(|role| std::ptr::eq(role.kind, kind)).count();
        println!("  {count:>4}  {:<7} {:<15} {}", kind.merchant, kind.name, kind.story);
    }
    println!();
}

fn write_report(report: &Report) -> Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/demo/report.json");
    let directory = path.parent().context("the report has no directory")?;
    std::fs::create_dir_all(directory)?;
    std::fs::write(&path, serde_json::to_string_pretty(report)? + "\n")?;
    println!("  report: target/demo/report.json");
    Ok(())
}

fn print_kept(rig: &Rig) {
    let (stack, outputs) = (rig.stack(), rig.stack().outputs());
    println!("\nthe stack is left running; stop it with: cargo xtask down\n");
    println!("  AWS endpoint       {}", stack.endpoint());
    println!("  declines queue     {}", outputs.declines_queue_url);
    println!("  evaluations queue  {}", outputs.evaluations_queue_url);
    println!("  orders table       {}", outputs.orders_table_name);
    println!("  webhooks           {}", stack.webhook_url("acme"));
    println!("  FlexFactor         {}", rig.provider_url());
    println!("  function logs      {}", stack.functions_log().display());
    println!(
        "\nwhat to try next, with the AWS CLI (a rebill of globex whose id begins with now- is approved in the answer):"
    );
    println!("  export AWS_REGION=us-east-1 AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test");
    let fresh = "s/2026-11-21T09:58:12Z/$(date -u +%FT%TZ)/; s/INV-1001-r1/now-9001/; s/acme/globex/";
    println!("  sed \"{fresh}\" events/decline.json > target/demo/decline.json");
    let aws = format!("aws --endpoint-url {}", stack.endpoint());
    let queue = &outputs.declines_queue_url;
    println!("  {aws} sqs send-message --queue-url {queue} --message-body file://target/demo/decline.json");
    let key = r#"{"pk":{"S":"ORDER#globex#now-9001"},"sk":{"S":"ORDER"}}"#;
    println!("  {aws} dynamodb get-item --table-name {} --key '{key}'", outputs.orders_table_name);
    println!("  curl -s {}/ledger/summary", rig.provider_url().replace("/v1", "/_sandbox"));
}
