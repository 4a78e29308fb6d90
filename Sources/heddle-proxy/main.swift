import DataPlane

ProxyProgram.main()
