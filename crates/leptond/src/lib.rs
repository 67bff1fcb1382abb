//! The Lepton daemon: manager, agent, or both.
