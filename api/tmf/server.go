package tmf

import (
	"strings"

	"gyro/api/access"
	"gyro/api/rest"
)

// Options say what the office's API serves. A service that is nil has no endpoints.
type Options struct {
	// Server is how it is served; its Sets are added to.
	Server rest.Options
	// Access tells who asks, and has the endpoints by which people and programs are let in.
	Access *access.Service
}

// New prepares the server of the office's API.
func New(o Options) (*rest.Server, error) {
	if o.Access != nil {
		o.Server.Access = o.Access
	}
	o.Server.Sets = append(o.Server.Sets, o.sets()...)
	return rest.New(o.Server)
}

// sets is everything that is served, by domain.
func (o *Options) sets() []rest.Set {
	sets := []rest.Set{audit()}
	if o.Access != nil {
		sets = append(sets, people{o.Access, strings.HasPrefix(o.Server.PublicURL, "https:")}, users{o.Access}, keys{o.Access})
	}
	return sets
}
