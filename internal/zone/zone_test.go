package zone_test

import (
	"testing"

	"gyro/internal/zone"
)

func TestLoad(t *testing.T) {
	for _, name := range []string{"Europe/Berlin", "Asia/Kathmandu", "UTC"} {
		if z, ok := zone.Load(name); !ok || z.Name != name {
			t.Errorf("%s: %q, %v", name, z.Name, ok)
		}
	}
	for _, name := range []string{"", "Local", "Mars/Olympus", "../etc/passwd"} {
		if z, ok := zone.Load(name); ok {
			t.Errorf("%q: read as %q", name, z.Name)
		}
	}
}
