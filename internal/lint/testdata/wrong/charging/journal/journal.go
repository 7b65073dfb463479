// Package journal knows of charging.
package journal

import "gyro/charging"

// Entry is one.
type Entry [charging.First]byte
