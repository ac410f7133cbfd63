package scenario

import (
	"go.yaml.in/yaml/v3"

	"switchyard/internal/config"
)

// file is a scenario as it is written. What is left out is nil where 0 is out of range, so that a 0 that is written is
// told.
type file struct {
	Name        string           `yaml:"name"`
	About       string           `yaml:"about"`
	Seed        uint64           `yaml:"seed"`
	Arrivals    string           `yaml:"arrivals"`
	RateOf      string           `yaml:"rate_of"`
	Warmup      *config.Duration `yaml:"warmup"`
	Timeout     *config.Duration `yaml:"timeout"`
	Connections *int             `yaml:"connections"`
	MaxInFlight *int             `yaml:"max_in_flight"`

	Stages []stage `yaml:"stages"`
	Replay *replay `yaml:"replay"`
	Closed *closed `yaml:"closed"`

	Flows       []flow     `yaml:"flows"`
	Cards       cards      `yaml:"cards"`
	Merchants   []merchant `yaml:"merchants"`
	Terminals   *int       `yaml:"terminals"`
	Amounts     *amounts   `yaml:"amounts"`
	BadRequests float64    `yaml:"bad_requests"`
	Retry       *retry     `yaml:"retry"`

	Faults     []fault  `yaml:"faults"`
	Thresholds []string `yaml:"thresholds"`
}

// stage is a part of the load: rate, in a line to the rate To, with a sine or a spike on it.
type stage struct {
	Name  string          `yaml:"name"`
	For   config.Duration `yaml:"for"`
	Rate  float64         `yaml:"rate"`
	To    *float64        `yaml:"to"`
	Sine  *sine           `yaml:"sine"`
	Spike *spike          `yaml:"spike"`
}

type sine struct {
	Amplitude float64         `yaml:"amplitude"`
	Period    config.Duration `yaml:"period"`
}

type spike struct {
	Rate float64         `yaml:"rate"`
	At   config.Duration `yaml:"at"`
	For  config.Duration `yaml:"for"`
}

// replay is arrivals of a file: of moments, or a capture, whose requests are asked again where there are no flows.
type replay struct {
	File      string   `yaml:"file"`
	Speed     *float64 `yaml:"speed"`
	To        string   `yaml:"to"`
	Dialect   string   `yaml:"dialect"`
	KeepCards bool     `yaml:"keep_cards"`
}

type closed struct {
	InFlight int             `yaml:"in_flight"`
	Think    config.Duration `yaml:"think"`
	For      config.Duration `yaml:"for"`
}

type flow struct {
	Flow   string   `yaml:"flow"`
	Weight *float64 `yaml:"weight"`
	Steps  []string `yaml:"steps"`
	Think  *think   `yaml:"think"`
}

type think struct {
	Min config.Duration `yaml:"min"`
	Max config.Duration `yaml:"max"`
}

type cards struct {
	Count        *uint64  `yaml:"count"`
	Distribution string   `yaml:"distribution"`
	Exponent     *float64 `yaml:"exponent"`
}

type merchant struct {
	ID       string   `yaml:"id"`
	Currency string   `yaml:"currency"`
	Weight   *float64 `yaml:"weight"`
}

type amounts struct {
	Min int64 `yaml:"min"`
	Max int64 `yaml:"max"`
}

type retry struct {
	Times int             `yaml:"times"`
	Pause config.Duration `yaml:"pause"`
}

// fault is what the issuer is told at a moment.
type fault struct {
	Name  string          `yaml:"name"`
	At    config.Duration `yaml:"at"`
	Rules string          `yaml:"rules"`
	File  string          `yaml:"file"`
	Pause config.Duration `yaml:"pause"`
}

// lineOf is the line of a place in a document, by keys and numbers; of the last that is there.
func lineOf(text []byte, path ...any) int {
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil || len(document.Content) == 0 {
		return 1
	}
	node, line := document.Content[0], document.Content[0].Line
	for _, step := range path {
		var next *yaml.Node
		switch step := step.(type) {
		case string:
			for i := 0; node.Kind == yaml.MappingNode && i+1 < len(node.Content); i += 2 {
				if node.Content[i].Value == step {
					next, line = node.Content[i+1], node.Content[i].Line
				}
			}
		case int:
			if node.Kind == yaml.SequenceNode && step < len(node.Content) {
				next = node.Content[step]
				line = next.Line
			}
		}
		if next == nil {
			return line
		}
		node = next
	}
	return line
}
