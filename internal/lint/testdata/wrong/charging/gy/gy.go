// Package gy imports another edge.
package gy

import "gyro/charging/journal"

// Entry is the other edge's.
type Entry = journal.Entry
