//! One host's reconcile loop: desired, plan, apply, report.
