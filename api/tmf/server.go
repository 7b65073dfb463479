package tmf

import (
	"gyro/api/rest"
)

// Options say what the office's API serves. A service that is nil has no endpoints.
type Options struct {
	// Server is how it is served; its Sets are added to.
	Server rest.Options
}

// New prepares the server of the office's API.
func New(o Options) (*rest.Server, error) {
	o.Server.Sets = append(o.Server.Sets, o.sets()...)
	return rest.New(o.Server)
}

// sets is everything that is served, by domain.
func (o *Options) sets() []rest.Set {
	var sets []rest.Set
	return sets
}
