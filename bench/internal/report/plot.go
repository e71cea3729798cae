package report

import (
	"fmt"
	"math"
	"strings"
)

// The drawing's size and the room for axes.
const (
	width, height             = 640.0, 320.0
	left, right, top, beneath = 70.0, 140.0, 36.0, 44.0
)

var colours = []string{"#0969da", "#cf222e", "#1a7f37", "#8250df"}

// plot draws the curves of one table, both axes logarithmic.
func plot(c curve, variants []string, all map[string][]point) string {
	minX, maxX, minY, maxY := bounds(all)
	px := func(x float64) float64 {
		return left + (math.Log10(x)-math.Log10(minX))/(math.Log10(maxX)-math.Log10(minX))*(width-left-right)
	}
	py := func(y float64) float64 {
		return height - beneath - (math.Log10(y)-math.Log10(minY))/(math.Log10(maxY)-math.Log10(minY))*(height-top-beneath)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" font-family="sans-serif" font-size="12">`+"\n", width, height)
	fmt.Fprintf(&b, `<rect width="%.0f" height="%.0f" fill="#fff"/>`+"\n", width, height)
	fmt.Fprintf(&b, `<text x="%.0f" y="20" font-size="14">%s</text>`+"\n", left, c.title)
	for y := minY; y <= maxY*1.001; y *= 10 {
		fmt.Fprintf(&b, `<line x1="%.0f" x2="%.1f" y1="%.1f" y2="%.1f" stroke="#d0d7de"/><text x="%.0f" y="%.1f" text-anchor="end">%s</text>`+"\n",
			left, width-right, py(y), py(y), left-6, py(y)+4, nanoseconds(y))
	}
	for _, p := range all[variants[0]] {
		fmt.Fprintf(&b, `<text x="%.1f" y="%.0f" text-anchor="middle">%s</text>`+"\n", px(p.x), height-beneath+18, size(p.x))
	}
	fmt.Fprintf(&b, `<text x="%.1f" y="%.0f" text-anchor="middle">%s</text>`+"\n", (left+width-right)/2, height-8, c.axis)
	for i, v := range variants {
		colour := colours[i%len(colours)]
		var line strings.Builder
		for _, p := range all[v] {
			fmt.Fprintf(&line, "%.1f,%.1f ", px(p.x), py(p.y))
			fmt.Fprintf(&b, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`+"\n", px(p.x), py(p.y), colour)
		}
		fmt.Fprintf(&b, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>`+"\n", strings.TrimSpace(line.String()), colour)
		fmt.Fprintf(&b, `<text x="%.1f" y="%.1f" fill="%s">%s</text>`+"\n", width-right+24, top+12+18*float64(i), colour, v)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// bounds are the first and last size, and whole decades of cost.
func bounds(all map[string][]point) (minX, maxX, minY, maxY float64) {
	minX, maxX, minY, maxY = math.Inf(1), 0, math.Inf(1), 0
	for _, points := range all {
		for _, p := range points {
			minX, maxX = min(minX, p.x), max(maxX, p.x)
			minY, maxY = min(minY, p.y), max(maxY, p.y)
		}
	}
	minY, maxY = math.Pow(10, math.Floor(math.Log10(minY))), math.Pow(10, math.Ceil(math.Log10(maxY)))
	if maxX <= minX {
		maxX = minX * 10
	}
	if maxY <= minY {
		maxY = minY * 10
	}
	return minX, maxX, minY, maxY
}
