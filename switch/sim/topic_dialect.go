package sim

import (
	"slices"

	"pgregory.net/rapid"

	"switchyard/spec"
	txswitch "switchyard/switch"
)

// The issuer speaks another dialect: binary bitmaps, numbers and lengths in BCD, EBCDIC, or ISO 8583:1993.

func init() { addTopic(topic{name: "dialect", draw: drawDialect}) }

const dialectPercent = 25

func drawDialect(t *rapid.T, p *Plan) section {
	if !percent(t, dialectPercent) {
		return nil
	}
	return dialectSection{otherDialects[p.Seed%uint64(len(otherDialects))]}
}

// otherDialects are all stock dialects but the one that plans without the topic have.
var otherDialects = slices.DeleteFunc(spec.Stock(), func(name string) bool { return name == spec.DefaultDialect })

type dialectSection struct{ name string }

// String implements section.
func (s dialectSection) String() string { return "dialect " + s.name }

func (s dialectSection) begin(w *world) any {
	w.codec = otherCodecs[s.name]
	w.faults.add("dialect "+s.name, 1)
	return dialectPart(s)
}

type dialectPart struct{ name string }

// configure implements configures.
func (d dialectPart) configure(_ *switchNode, _ int, o *txswitch.Options) {
	for i := range o.Config.Issuers {
		o.Config.Issuers[i].Dialect = d.name
	}
}

var (
	asciiCodec  = spec.MustCodec(spec.DefaultDialect)
	otherCodecs = func() map[string]*spec.Codec {
		all := map[string]*spec.Codec{}
		for _, name := range otherDialects {
			all[name] = spec.MustCodec(name)
		}
		return all
	}()
)
