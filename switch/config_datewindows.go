package txswitch

import (
	"fmt"
	"slices"
	"time"

	"switchyard/internal/config"
	"switchyard/switch/cutover"
)

// WindowsConfig are times of day at which destinations get a file of what was accepted since the one before. What is
// left is in the files of the cutover.
type WindowsConfig struct {
	Destinations []string           `yaml:"destinations"`
	At           []config.TimeOfDay `yaml:"at"` // local times, as business_day.cutover is
}

// windows puts the entries together. Its error names the key.
func (c *ClearingConfig) windows(end config.TimeOfDay) (cutover.Windows, error) {
	all := cutover.Windows{}
	for i := range c.Windows {
		x := &c.Windows[i]
		key := fmt.Sprintf("clearing.windows[%d]", i)
		if len(x.Destinations) == 0 {
			return nil, fmt.Errorf("%s.destinations: missing; expected names of destinations", key)
		}
		if len(x.At) == 0 {
			return nil, fmt.Errorf("%s.at: missing; expected times of day, like \"06:00\"", key)
		}
		var times []time.Duration
		for j, at := range x.At {
			if at == end || slices.Contains(x.At[:j], at) {
				return nil, fmt.Errorf("%s.at[%d]: expected times other than business_day.cutover, which ends the last window, "+
					"each once", key, j)
			}
			times = append(times, time.Duration(at))
		}
		for _, name := range x.Destinations {
			if _, twice := all[name]; twice || !storable(name) || name == byScheme {
				return nil, fmt.Errorf("%s.destinations: %q: expected names of destinations, each once in all entries", key, name)
			}
			all[name] = times
		}
	}
	return all, nil
}
