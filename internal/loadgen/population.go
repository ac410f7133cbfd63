package loadgen

import (
	"fmt"
	"math"
)

// Population is how cards are drawn of a number of them. No list is kept, however many they are.
type Population struct {
	Cards uint64 // how many; default DefaultCards, at most MaxCards
	// Zipf is the exponent by which some cards come more often: card k in proportion to 1/k^Zipf. 0: all alike.
	Zipf float64

	// Of the sampling by rejection and inversion (Hörmann and Derflinger 1996), which needs no table.
	first, last, cut float64
}

// MaxZipf bounds the exponent: beyond it one card has nearly all.
const MaxZipf = 10

func (p *Population) prepare() error {
	if p.Cards == 0 {
		p.Cards = DefaultCards
	}
	switch {
	case p.Cards > MaxCards:
		return fmt.Errorf("%d cards, expected 1 to %d", p.Cards, MaxCards)
	case !(p.Zipf >= 0 && p.Zipf <= MaxZipf):
		return fmt.Errorf("a Zipf exponent of %g, expected 0 to %d", p.Zipf, MaxZipf)
	}
	if p.Zipf > 0 {
		p.first = p.area(1.5) - 1
		p.last = p.area(float64(p.Cards) + 0.5)
		p.cut = 2 - p.inverse(p.area(2.5)-p.density(2))
	}
	return nil
}

// density is 1/x^Zipf, area its integral from 1, inverse that one's inverse.
func (p *Population) density(x float64) float64 { return math.Exp(-p.Zipf * math.Log(x)) }

func (p *Population) area(x float64) float64 {
	log := math.Log(x)
	if e := (1 - p.Zipf) * log; math.Abs(e) > 1e-8 {
		return math.Expm1(e) / (1 - p.Zipf)
	}
	return log
}

func (p *Population) inverse(y float64) float64 {
	e := y * (1 - p.Zipf)
	if math.Abs(e) < 1e-8 {
		return math.Exp(y)
	}
	return math.Exp(math.Log1p(max(e, -1)) / (1 - p.Zipf))
}

// draw draws a card by a mixed number.
func (p *Population) draw(h uint64) uint64 {
	if p.Zipf == 0 {
		return mix(h) % p.Cards
	}
	for {
		h = mix(h)
		u := p.last + unit(h)*(p.first-p.last)
		x := p.inverse(u)
		k := min(max(math.Round(x), 1), float64(p.Cards))
		if k-x <= p.cut || u >= p.area(k+0.5)-p.density(k) {
			return uint64(k) - 1
		}
	}
}
