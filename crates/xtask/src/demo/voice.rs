//! What the demo says on standard output, until nobody listens any more.

use std::{
    error::Error,
    fmt::{self, Display},
    io::{self, ErrorKind, Write},
};

use anyhow::Result;

/// The reader of standard output has gone, as `head` does: no failure, but nothing more is to be told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unheard;

/// Says a line, or several.
pub(super) fn say(text: impl Display) -> Result<()> {
    say_to(&mut io::stdout().lock(), text)
}

fn say_to(listener: &mut impl Write, text: impl Display) -> Result<()> {
    match writeln!(listener, "{text}").and_then(|()| listener.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(Unheard.into()),
        said => Ok(said?),
    }
}

/// What came of telling a story: its end is also that nobody listened any more.
pub(super) fn unless_unheard(told: Result<()>) -> Result<()> {
    match told {
        Err(error) if error.chain().any(<dyn Error>::is::<Unheard>) => Ok(()),
        told => told,
    }
}

impl Display for Unheard {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("nobody reads the output any more")
    }
}

impl Error for Unheard {}

#[cfg(test)]
mod tests {
    use anyhow::{Context, anyhow};

    use super::*;

    /// A pipe whose reader has gone.
    struct Closed;

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn that_nobody_listens_any_more_ends_a_story_well_and_failures_do_not() {
        let unheard = say_to(&mut Closed, "1.").context("the step failed").context("the demo failed");
        assert!(unheard.is_err(), "it ends");
        assert!(unless_unheard(unheard).is_ok(), "quietly");
        assert!(unless_unheard(Err(anyhow!("no reply"))).is_err());
    }
}
