// Package network knows who pays.
package network

import "gyro/billing"

// Owner is who pays.
type Owner = billing.Customer
