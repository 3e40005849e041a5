"""The operator console: a web page with the arm, its forces and states, and the buttons. It knows no ROS.

`gate` says who may open it, `view` what it shows and which buttons may be pressed, `page` and `twin` draw it (viser),
`server` serves it. The node `console` is what connects it to the graph.
"""
