"""Lanes of the detection stages, their anchors, and retention of the logs behind them."""
