// Package zone is where the time-zone database enters. The database is part of
// the binary: a machine without one publishes the same catalogues.
package zone

import (
	"time"
	_ "time/tzdata" // the database itself

	"gyro/internal/instant"
)

// Load reads a zone from the database; ok is false where it has none of that
// name. The machine's own zone has no name that another machine would
// understand, so "Local" and "" are refused.
func Load(name string) (_ instant.Zone, ok bool) {
	if name == "" || name == "Local" {
		return instant.Zone{}, false
	}
	location, err := time.LoadLocation(name)
	if err != nil {
		return instant.Zone{}, false
	}
	return instant.Tabulate(location), true
}
