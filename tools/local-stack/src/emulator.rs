//! MiniStack alone, without the template on it: for tests of one part against AWS's services as it serves them.

use anyhow::Result;

use crate::Options;
use crate::clients::Clients;
use crate::server::Server;

/// A running MiniStack with nothing on it. Dropping it stops it, and so does the end of this process.
#[derive(Debug)]
pub struct Emulator {
    server: Server,
}

impl Emulator {
    /// Starts MiniStack. Of the options only the name of the run counts.
    pub async fn up(options: &Options) -> Result<Self> {
        let http = reqwest::Client::builder().no_proxy().build()?;
        let options = options.clone().keep(false);
        Ok(Self { server: Server::start(&options, &http).await? })
    }

    /// Where AWS's services answer.
    pub fn endpoint(&self) -> &str {
        self.server.endpoint()
    }

    /// A client for tables, new on each call: its connections belong to the runtime that it is used in.
    pub async fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        Clients::at(self.endpoint()).await.dynamodb
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        if let Err(error) = self.server.stop() {
            eprintln!("MiniStack did not stop: {error:#}");
        }
    }
}
