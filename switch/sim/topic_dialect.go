package sim

import (
	"pgregory.net/rapid"

	"switchyard/spec"
	txswitch "switchyard/switch"
)

// The issuer speaks the other dialect: binary bitmaps, numbers and lengths in BCD.

func init() { addTopic(topic{name: "dialect", draw: drawDialect}) }

const dialectPercent = 25

func drawDialect(t *rapid.T, _ *Plan) section {
	if !percent(t, dialectPercent) {
		return nil
	}
	return dialectSection{}
}

type dialectSection struct{}

// String implements section.
func (dialectSection) String() string { return "dialect " + spec.BCDDialect }

func (dialectSection) begin(w *world) any {
	w.codec = bcdCodec
	return dialectPart{}
}

type dialectPart struct{}

// configure implements configures.
func (dialectPart) configure(_ *switchNode, _ int, o *txswitch.Options) {
	for i := range o.Config.Issuers {
		o.Config.Issuers[i].Dialect = spec.BCDDialect
	}
}

var (
	asciiCodec = spec.MustCodec(spec.DefaultDialect)
	bcdCodec   = spec.MustCodec(spec.BCDDialect)
)
