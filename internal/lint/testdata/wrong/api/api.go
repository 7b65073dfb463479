// Package api logs without structure.
package api

import "log"

// Serve says so.
func Serve() { log.Println("serving") }
