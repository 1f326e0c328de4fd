//! Asking before something is done that can't be taken back.

use std::io::{BufRead, IsTerminal as _, Write};

use crate::outcome::Failure;

/// How a confirmation may be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    /// It was given on the command line.
    Given,
    /// There is somebody to ask.
    Ask,
    /// It was not given, and nobody is there.
    Missing,
}

impl Consent {
    /// By `--yes`, or by whoever sits at the terminal.
    #[must_use]
    pub fn of(yes: bool) -> Self {
        match (yes, std::io::stdin().is_terminal() && std::io::stderr().is_terminal()) {
            (true, _) => Self::Given,
            (false, true) => Self::Ask,
            (false, false) => Self::Missing,
        }
    }

    /// Goes on only where it was agreed to `what`.
    ///
    /// # Errors
    /// It was not. Nothing was done.
    pub fn to(self, what: &str) -> Result<(), Failure> {
        self.ask(what, std::io::stdin().lock(), std::io::stderr())
    }

    fn ask(self, what: &str, mut answers: impl BufRead, mut to: impl Write) -> Result<(), Failure> {
        match self {
            Self::Given => Ok(()),
            Self::Missing => Err(Failure::usage(format!(
                "{what}: this must be confirmed. There is no terminal to ask on; say --yes. Nothing was done."
            ))),
            Self::Ask => {
                let mut answer = String::new();
                let asked = write!(to, "{what}? [y/N] ").and_then(|()| to.flush());
                let heard = asked.and_then(|()| answers.read_line(&mut answer));
                match heard {
                    Ok(_) if matches!(answer.trim(), "y" | "Y" | "yes") => Ok(()),
                    Ok(_) | Err(_) => Err(Failure::usage("not confirmed. Nothing was done.")),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Exit;

    #[test]
    fn only_a_yes_is_a_yes() {
        for (answer, agreed) in [("y\n", true), ("yes\n", true), ("\n", false), ("no\n", false), ("", false)]
        {
            let heard = Consent::Ask.ask("Move 3 messages", answer.as_bytes(), Vec::new());
            assert_eq!(heard.is_ok(), agreed, "{answer:?}");
        }
    }

    #[test]
    fn where_nobody_is_there_nothing_is_done() {
        let refused = Consent::Missing.ask("Move 3 messages", &b"y\n"[..], Vec::new()).unwrap_err();
        assert_eq!(refused.exit, Exit::Usage);
        assert!(Consent::Given.ask("Move 3 messages", &b""[..], Vec::new()).is_ok());
    }
}
