//! Checks of the tree itself: layering and tidiness.
