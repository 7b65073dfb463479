// Package network knows who pays.
package network

import "gyro/nowhere"

// Owner is who pays.
type Owner = nowhere.Customer
