package loadgen

// waiting is a heap of places, the one that is due first in front.
type waiting []place

func (w *waiting) push(p place) {
	*w = append(*w, p)
	h := *w
	for i := len(h) - 1; i > 0; {
		parent := (i - 1) / 2
		if !h[i].due.Before(h[parent].due) {
			return
		}
		h[i], h[parent] = h[parent], h[i]
		i = parent
	}
}

func (w *waiting) pop() place {
	h := *w
	first := h[0]
	last := len(h) - 1
	h[0] = h[last]
	h = h[:last]
	*w = h
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < last; child++ {
			if h[child].due.Before(h[least].due) {
				least = child
			}
		}
		if least == i {
			return first
		}
		h[i], h[least] = h[least], h[i]
		i = least
	}
}
