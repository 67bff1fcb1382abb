//! What the NetworkManager means: the view of the ledger, its changes, and the decision of every command.
